/** The house rules as tests on tables: who may import whom, who may use which package, what stands in one file alone. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, test } from 'node:test'

/** Files of the root of service/ that everybody may import. */
const leaves = [
  'clock.ts',
  'duration.ts',
  'errors.ts',
  'json-shape.ts',
  'log.ts',
  'metrics.ts',
  'retry.ts',
  'seeded-random.ts',
  'task-id.ts',
]

/**
 * Who may import whom, below service/: a folder, or a file with what it may import besides that, and what it may import besides itself and
 * the leaves. A folder in a list doesn't include its subfolders. A folder without a row may not exist.
 */
const layers: Readonly<Record<string, readonly string[]>> = {
  // What a topology is.
  codec: [],
  topology: ['codec'],
  dsl: ['topology', 'codec'],
  'index.ts': ['dsl', 'codec'],
  // What happens to records: pure, no I/O.
  time: [],
  windows: ['topology', 'codec'],
  source: ['codec', 'topology', 'kafka/records'],
  batch: ['kafka/records'],
  state: ['topology', 'codec'],
  sink: ['source', 'topology', 'codec', 'kafka/records'],
  operators: ['source', 'batch', 'state', 'sink', 'time', 'windows', 'topology', 'codec', 'kafka/records'],
  commit: ['state', 'kafka/wire/error-codes.ts'],
  // The protocol of Kafka, above one port; the two implementations of the port.
  'kafka/records': [],
  'kafka/wire': ['kafka/records'],
  kafka: ['kafka/wire', 'kafka/records', 'commit/verdicts.ts', 'commit/verdict-errors.ts', 'runtime/seam.ts'],
  memory: ['kafka/wire', 'kafka/records'],
  // The loop and what runs it.
  runtime: [
    'operators',
    'time',
    'source',
    'batch',
    'state',
    'commit',
    'sink',
    'kafka',
    'kafka/wire',
    'kafka/records',
    'topology',
    'codec',
    'dsl/topology.ts',
    'config.ts',
  ],
  'runtime/driver.ts': ['memory'],
  'runtime/driver-processes.ts': ['memory'],
  'testing.ts': ['runtime', 'memory', 'state', 'index.ts', 'dsl', 'topology', 'codec'],
  // The process around it.
  config: [],
  'config.ts': ['config'],
  'log-file.ts': [],
  'pino-log.ts': ['config', 'config.ts', 'log-file.ts'],
  http: ['runtime', 'config.ts'],
  sandbox: [],
  cli: [
    'runtime',
    'sandbox',
    'http',
    'memory',
    'state',
    'kafka',
    'kafka/wire',
    'kafka/records',
    'dsl',
    'topology',
    'codec',
    'config',
    'config.ts',
    'pino-log.ts',
    'index.ts',
  ],
  // The composition roots: of the process, of a worker thread, and what both take from.
  'adapters.ts': ['runtime', 'state', 'kafka/wire', 'topology', 'config.ts'],
  'worker-main.ts': ['adapters.ts', 'runtime', 'batch', 'http', 'dsl', 'topology', 'config.ts', 'pino-log.ts'],
  'start-supervisor.ts': ['adapters.ts', 'worker-main.ts', 'runtime', 'state', 'http', 'kafka', 'kafka/wire', 'dsl', 'topology'],
  'main.ts': [
    'cli',
    'adapters.ts',
    'start-supervisor.ts',
    'runtime',
    'http',
    'sandbox',
    'memory',
    'kafka/wire',
    'config.ts',
    'pino-log.ts',
  ],
}

/** The only files that may import a package; of every other package in `dependencies`, none may. */
const packages: Readonly<Record<string, RegExp>> = {
  '@kafkajs/confluent-schema-registry': /\/confluent-[^/]+\.ts$/,
  kafkajs: /\/kafka-[^/]+\.ts$/,
  ioredis: /\/redis-[^/]+\.ts$/,
  express: /^service\/http\//,
  'prom-client': /^service\/http\//,
  pino: /^service\/pino-log\.ts$/,
  'lru-cache': /^service\/state\//,
  '@node-rs/crc32': /^service\/kafka\/records\/crc32c\.ts$/,
  snappy: /^service\/kafka\/records\/compression\.ts$/,
  'lz4-napi': /^service\/kafka\/records\/compression\.ts$/,
  '@standard-schema/spec': /^service\/(codec|dsl)\//,
  'csv-parse': /\/csv-[^/]+\.ts$/,
  zod: /^service\/config\//,
  testcontainers: /\/docker-[^/]+\.ts$/,
}

/** Loaded when it comes to it, and told of where they are absent: no part of an installation for production. */
const lazyPackages = ['testcontainers']

/** Files beside service/clock.ts that touch the process' own time or randomness, each with its reason. */
const timeExceptions: Readonly<Record<string, string>> = {}

const root = join(import.meta.dirname, '..')
const git = (args: readonly string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
/** Every file of the project, committed or about to be. */
const files = git(['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)))
const sources = files.filter((file) => file.endsWith('.ts'))
const service = sources.filter((file) => file.startsWith('service/'))

const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const text = (file: string): string => texts.get(file) ?? ''
/** Without comments; a `//` after a colon is part of an address. */
const withoutComments = (file: string) => text(file).replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '')
const withoutStrings = (file: string) => withoutComments(file).replace(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, "''")

const importPattern = /(?:^|\n)(?:import|export)\s(?:[^'"`;]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/g
const imports = new Map(
  sources.map((file) => [file, [...withoutComments(file).matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? '')]),
)
const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
const packagesOf = (file: string) =>
  (imports.get(file) ?? []).filter((specifier) => !/^(\.|node:)/.test(specifier)).map(packageOf)
const filesOf = (file: string) =>
  (imports.get(file) ?? [])
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(file), specifier)))

/** Fails with one line a breach, `file: rule`. */
function none(breaches: readonly string[]): void {
  if (breaches.length === 0) return
  const error = new Error(breaches.join('\n'))
  // Where in this file the rule stands helps nobody who broke it.
  delete error.stack
  throw error
}

/** The folder of a path below service/; a file of the root stands for itself. */
const folderOf = (path: string) => (path.includes('/') ? dirname(path) : path)

function mayImport(from: string, to: string): boolean {
  if (leaves.includes(to)) return true
  if (leaves.includes(from)) return false
  const allowed = [...(layers[folderOf(from)] ?? []), ...(layers[from] ?? []), folderOf(from)]
  return allowed.includes(to) || allowed.includes(folderOf(to))
}

describe('house rules', () => {
  test('the files were read', () => {
    assert.ok(service.length > 20, `only ${service.length} files of service/ were read`)
    const found = [...imports.values()].flat().length
    assert.ok(found > service.length, `only ${found} imports were found`)
  })

  test('imports point one way', () => {
    const below = (file: string) => file.slice('service/'.length)
    none(
      service.flatMap((file) => {
        const from = below(file)
        if (!leaves.includes(from) && !(folderOf(from) in layers))
          return [`${file}: ${folderOf(from)} has no row in the table of layers`]
        return filesOf(file).flatMap((target) => {
          if (!target.startsWith('service/')) return [`${file}: imports ${target}, which is not below service/`]
          return mayImport(from, below(target)) ? [] : [`${file}: may not import ${target} (table of layers)`]
        })
      }),
    )
  })

  test('what is imported exists, and nothing is imported in a circle', () => {
    const missing = (file: string) => filesOf(file).filter((target) => !existsSync(join(root, target)))
    none([
      ...sources.flatMap((file) => missing(file).map((target) => `${file}: imports ${target}, which does not exist`)),
      ...circles().map((circle) => `${circle[0]}: imports itself by ${circle.slice(1).join(' → ')}`),
    ])
  })

  test('packages are imported by their adapters alone', () => {
    const { dependencies } = JSON.parse(text('package.json')) as { dependencies: Record<string, string> }
    none(
      service.flatMap((file) =>
        packagesOf(file).flatMap((name) => {
          if (!(name in dependencies) && !lazyPackages.includes(name))
            return [`${file}: imports ${name}, which is not in the dependencies of package.json`]
          return packages[name]?.test(file) ? [] : [`${file}: may not import ${name} (table of packages)`]
        }),
      ),
    )
  })

  test('topologies import only the public API', () => {
    const topologies = sources.filter((file) => file.startsWith('topologies/'))
    none(
      topologies.flatMap((file) =>
        (imports.get(file) ?? [])
          .filter((name) => name !== '../service/index.ts')
          .map((name) => `${file}: may not import ${name}`),
      ),
    )
  })

  test('independent readers, and the judge of what they read, share no code with the service', () => {
    const sandbox = ['service/sandbox/artifacts.ts', 'service/sandbox/maven.ts']
    const allowed: Readonly<Record<string, readonly string[]>> = {
      'test/support/console-consumer.ts': ['test/support/kafka-tool.ts', 'test/support/slowness.ts'],
      'test/support/kafka-tool.ts': [...sandbox, 'test/support/kafka-login.ts'],
      'test/support/kafka-login.ts': [],
      'test/support/slowness.ts': [],
      'test/support/bystander/compile.ts': sandbox,
      'test/support/bystander/bystander.ts': ['test/support/bystander/compile.ts'],
      'test/support/topologies/running-fold.ts': [],
    }
    const judge = sources.filter((file) => file.startsWith('test/support/checker/'))
    const readers = [...Object.keys(allowed), ...judge]
    const mayImport = (reader: string) => [...(allowed[reader] ?? ['test/support/topologies/running-fold.ts']), ...judge]
    none(
      readers.flatMap((reader) =>
        filesOf(reader)
          .filter((target) => !mayImport(reader).includes(target))
          .map((target) => `${reader}: may not import ${target}`),
      ),
    )
  })

  test('time, randomness and ids come from service/clock.ts', () => {
    const own =
      /(?<![.\w])(Date\.now|Math\.random|set(Timeout|Interval)|performance\.now|process\.hrtime|randomBytes|randomUUID)\b|new Date\(\)/
    none(
      service
        .filter((file) => file !== 'service/clock.ts' && !(file in timeExceptions))
        .flatMap((file) => {
          const found = own.exec(withoutComments(file))
          return found ? [`${file}: uses ${found[0]}; take a Clock`] : []
        }),
    )
    none(
      Object.keys(timeExceptions)
        .filter((file) => !files.includes(file))
        .map((file) => `${file}: is an exception for time, but does not exist`),
    )
  })

  test('a file of the service opens with what it is for', () => {
    none(
      service
        .filter((file) => !/^(#!.*\n)?\/\*\*\s*\S/.test(text(file)))
        .map((file) => `${file}: does not open with a docstring`),
    )
    none(
      files
        .filter((file) => file.endsWith('.lua') && !text(file).startsWith('--'))
        .map((file) => `${file}: does not open with a comment`),
    )
  })

  test('a non-null assertion stands on an index only', () => {
    none(
      sources.flatMap((file) =>
        withoutStrings(file)
          .split('\n')
          .filter((line) => /[\w)]!(?=[.,;:)\]}[\s]|$)/.test(line))
          .map((line) => `${file}: asserts that something is not null: ${line.trim()}`),
      ),
    )
  })

  test('no test is switched off or alone', () => {
    // A test that finds out as it runs that it can't (`return t.skip(why)`) is no switched-off one.
    const switched = /(?<!return )\b(test|it|describe|suite)\.(skip|only|todo)\(|\bonly: true/
    none(
      sources
        .filter((file) => file.startsWith('test/') && file !== 'test/tidy.test.ts' && switched.test(withoutComments(file)))
        .map((file) => `${file}: has .skip, .only or .todo`),
    )
  })

  test('a unit test has the path of what it tests', () => {
    const units = sources.filter((file) => /^test\/unit\/.*\.test\.ts$/.test(file))
    // The tests of test/support/ are in test/unit/support/.
    const folder = (file: string) => (file.startsWith('test/unit/support/') ? 'test/' : 'service/')
    const source = (file: string) => file.replace('test/unit/', folder(file)).replace('.test.ts', '.ts')
    none(units.filter((file) => !existsSync(join(root, source(file)))).map((file) => `${file}: there is no ${source(file)}`))
  })

  test('nothing names a machine or a registry', () => {
    const machine = /\/(work|farm)\/[a-z]|\/root\/|"resolve[d]"|registry\.npmjs|repo1?\.maven|pypi\.org|deb\.debian/
    none(
      files.flatMap((file) => {
        const found = machine.exec(text(file))
        return found ? [`${file}: has ${found[0]}`] : []
      }),
    )
  })
})

/** The circles of imports, each as its files in order with the first one again in the end; type imports count. */
function circles(): readonly (readonly string[])[] {
  const found: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string) => {
    const at = path.indexOf(file)
    if (at >= 0) found.push([...path.slice(at), file])
    if (at >= 0 || done.has(file)) return
    path.push(file)
    for (const target of filesOf(file)) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of sources) visit(file)
  return found
}
