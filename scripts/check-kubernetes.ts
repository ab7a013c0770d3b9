/**
 * `node scripts/check-kubernetes.ts`: checks config/k8s against the schemas of Kubernetes and KEDA, and every field for one that they don't
 * know. The schemas are npm packages of 34 MB that nothing else needs, so they are installed for the run into a temporary directory.
 */
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
}

interface Found {
  readonly file: string
  readonly manifest: Manifest
}

const root = join(import.meta.dirname, '..')
const packages = ['kubernetes-models@4.5.1', '@kubernetes-models/keda@0.4.2', 'yaml@2']

/** Where the packages have the models of a manifest's version. */
const modelsOf = ({ apiVersion }: Manifest) =>
  `${apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models'}/${apiVersion}`

/** Values: what is missing, and what has a wrong type. Nothing is said of fields that no schema knows. */
function checkValues(found: readonly Found[], require: NodeJS.Require): readonly string[] {
  return found.flatMap(({ file, manifest }) => {
    type Model = new (manifest: Manifest) => { validate(): void }
    const models = require(modelsOf(manifest)) as Readonly<Record<string, Model>>
    const model = models[manifest.kind]
    if (model === undefined) return [`${file}: ${manifest.apiVersion} has no ${manifest.kind}`]
    try {
      new model(manifest).validate()
      return []
    } catch (error) {
      return [`${file}: ${manifest.kind}: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
}

/** Fields: the compiler refuses a literal that has one more than its type. */
function checkFields(found: readonly Found[], directory: string): readonly string[] {
  const lines = found.map(({ manifest }, index) => {
    const type = `I${manifest.kind}`
    return `import type { ${type} as T${index} } from '${modelsOf(manifest)}'\nexport const m${index}: T${index} = ${JSON.stringify(manifest)}\n`
  })
  writeFileSync(join(directory, 'manifests.ts'), lines.join(''))
  try {
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', '', 'manifests.ts']
    execFileSync(join(root, 'node_modules/.bin/tsc'), options, { cwd: directory, encoding: 'utf8' })
    return []
  } catch (error) {
    return [(error as { readonly stdout?: string }).stdout ?? String(error)]
  }
}

const directory = mkdtempSync(join(tmpdir(), 'caudal-kubernetes-'))
try {
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }\n')
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], { cwd: directory, stdio: 'inherit' })
  const require = createRequire(join(directory, 'package.json'))
  const yaml = require('yaml') as { parseAllDocuments(text: string): readonly { toJS(): Manifest }[] }
  const found = globSync('config/k8s/**/*.yaml', { cwd: root }).flatMap((file) =>
    yaml.parseAllDocuments(readFileSync(join(root, file), 'utf8')).map((document) => ({ file, manifest: document.toJS() })),
  )
  if (found.length === 0) throw new RangeError('there are no files in config/k8s')
  const defects = [...checkValues(found, require), ...checkFields(found, directory)]
  for (const defect of defects) console.log(defect)
  console.log(`${found.length} manifests, ${defects.length} defects`)
  if (defects.length > 0) process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
