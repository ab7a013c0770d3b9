/** Finds the commands of this machine that the sandbox uses. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of a command: below JAVA_HOME for `java`, else on the PATH; null where there is none. */
export function findCommand(name: string): string | null {
  const home = name === 'java' && process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin')] : []
  for (const directory of [...home, ...(process.env.PATH ?? '').split(delimiter)]) {
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch (ignored) {
      // It isn't there, or may not be run: the next directory may have it.
    }
  }
  return null
}
