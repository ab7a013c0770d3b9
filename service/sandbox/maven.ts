/** Fetches artifacts of Maven repositories with the Maven of this machine and its settings. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { systemClock } from '../clock.ts'
import { FatalError, StoppedError } from '../errors.ts'
import { findCommand } from './commands.ts'
import type { Starting } from './starting.ts'

/** Type and classifier where it is no jar. */
export type Artifact = readonly [group: string, artifact: string, version: string, type?: string, classifier?: string]

const timeoutMs = 600_000
const progressIntervalMs = 1_000
const tailLines = 15

/** Copies the jars of the artifacts and of all that they need at run time into `directory`. */
export const copyWithDependencies = (artifacts: readonly Artifact[], directory: string, starting: Starting): Promise<void> =>
  maven(['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${directory}`], artifacts, starting)

/** Copies the file of one artifact, alone, into `directory`. */
export const copyArtifact = (artifact: Artifact, directory: string, starting: Starting): Promise<void> =>
  maven(['dependency:copy', `-Dartifact=${artifact.join(':')}`, `-DoutputDirectory=${directory}`], [artifact], starting)

const pom = (artifacts: readonly Artifact[]) => `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>caudal</groupId><artifactId>sandbox</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${artifacts.map(([group, artifact, version]) => `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`).join('\n')}
</dependencies></project>
`

/** Runs one goal in a directory of its own. @throws FatalError with Maven's last lines; StoppedError when asked to stop */
async function maven(goal: readonly string[], artifacts: readonly Artifact[], { progress, signal }: Starting): Promise<void> {
  const what = artifacts[0]?.[1] ?? ''
  const command = findCommand('mvn')
  if (command === null) throw new FatalError(`there is no Maven on this machine to fetch ${what} with`)
  const output = goal.at(-1)?.split('=')[1] ?? ''
  const directory = mkdtempSync(join(dirname(output), 'maven.'))
  try {
    writeFileSync(join(directory, 'pom.xml'), pom(artifacts))
    const timeout = AbortSignal.timeout(timeoutMs)
    const child = spawn(command, ['-B', '-Dstyle.color=never', ...goal], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    const tail = follow([child.stdout, child.stderr], what, progress)
    const failure = await new Promise<string | null>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code) => resolve(code === 0 ? null : `exit code ${code}`))
    })
    if (signal?.aborted) throw new StoppedError(`stopped while starting ${what}`)
    if (failure !== null) throw new FatalError(`Maven could not fetch ${what} (${failure}):\n${tail.join('\n')}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Tells how many files were downloaded; returns the other last lines of the outputs, kept up to date while they flow. */
function follow(outputs: readonly NodeJS.ReadableStream[], what: string, progress: (line: string) => void): readonly string[] {
  const tail: string[] = []
  let files = 0
  let toldAt = systemClock.monotonic()
  const read = (line: string) => {
    if (line.includes('Downloading from')) return
    if (line.includes('Downloaded from')) files++
    else if (tail.push(line) > tailLines) tail.shift()
    const now = systemClock.monotonic()
    if (now - toldAt < progressIntervalMs) return
    toldAt = now
    progress(`downloading ${what}: ${files} files so far`)
  }
  for (const input of outputs) createInterface({ input }).on('line', read)
  return tail
}
