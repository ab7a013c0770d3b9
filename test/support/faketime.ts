/** A wall clock that a test moves while a process goes on, by libfaketime. */
import { existsSync } from 'node:fs'

const library = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
].find((path) => existsSync(path))

/** Why the clock can't be moved here; false where it can. */
export const noFaketime: string | false = library === undefined && 'there is no libfaketime on this machine (Debian: faketime)'

/** The environment of a process whose wall clock is off by what the file says (`+3600`), as of now; elapsed time is left alone. */
export const fakedClock = (file: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: library ?? '',
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
})
