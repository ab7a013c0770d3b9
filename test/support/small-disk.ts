/** A disk of a test's own, small and kept in memory, that can be filled to its last byte. Root alone may mount one. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ballast = 'ballast'
const pieceBytes = 64 * 1024

export class SmallDisk {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Null where none can be mounted here. */
  static mount(megabytes: number): SmallDisk | null {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-test-disk-'))
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory])
    if (status === 0) return new SmallDisk(directory)
    rmdirSync(directory)
    return null
  }

  /** Whoever writes from now on is told that there is no room. */
  fill(): void {
    for (const bytes of [pieceBytes, 1]) {
      try {
        for (;;) writeFileSync(join(this.directory, ballast), Buffer.alloc(bytes), { flag: 'a' })
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOSPC') throw error
      }
    }
  }

  makeRoom(): void {
    rmSync(join(this.directory, ballast), { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['--lazy', this.directory])
    rmdirSync(this.directory)
  }
}
