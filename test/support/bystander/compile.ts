/** The classes of `Bystander.java`: compiled once for each version of it, by Eclipse's compiler, as a machine that runs Java need have none. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheDirectory, fetchKafka, fetchOnce } from '../../../service/sandbox/artifacts.ts'
import { type Artifact, copyArtifact } from '../../../service/sandbox/maven.ts'

/** The newest that runs on Java 17. */
const compiler: Artifact = ['org.eclipse.jdt', 'ecj', '3.38.0']
const source = join(import.meta.dirname, 'Bystander.java')
const starting = { progress: () => {}, signal: undefined }

/** The class path to run it with. @throws Error with what the compiler said */
export async function bystanderClasses(): Promise<string> {
  const kafka = await fetchKafka(starting)
  const compilerHome = await fetchOnce(
    join(cacheDirectory(), `ecj-${compiler[2]}`),
    'a Java compiler (3 MB)',
    starting,
    (directory) => copyArtifact(compiler, directory, starting),
  )
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12)
  const classes = join(cacheDirectory(), `bystander-${hash}`)
  await fetchOnce(classes, 'the bystander', starting, async (directory) => compile(compilerHome, kafka, directory))
  return [classes, join(kafka, '*')].join(delimiter)
}

function compile(compilerHome: string, kafka: string, into: string): void {
  const jars = readdirSync(kafka).map((name) => join(kafka, name))
  const jar = join(compilerHome, `ecj-${compiler[2]}.jar`)
  const args = ['-jar', jar, '-17', '-cp', jars.join(delimiter), '-d', into, source]
  const { status, stdout, stderr } = spawnSync('java', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${source} does not compile:\n${stdout}${stderr}`)
}
