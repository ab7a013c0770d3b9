/** A real Prometheus that scrapes one process every second, with the rules of config/prometheus. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../service/clock.ts'
import { freePorts } from '../../service/sandbox/free-port.ts'
import { until } from './processes.ts'

const isThere = (command: string) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

/** Why there is no Prometheus for tests; false where there is one. */
export const noPrometheus: string | false =
  isThere('prometheus') && isThere('promtool') ? false : 'no Prometheus is installed (prometheus and promtool)'

export const prometheusConfig = join(import.meta.dirname, '../../config/prometheus')

/** Runs promtool in config/prometheus. @throws Error with what it complains of */
export const promtool = (args: readonly string[], input = ''): string =>
  execFileSync('promtool', [...args], { cwd: prometheusConfig, input, encoding: 'utf8', stdio: 'pipe' })

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  /** Seconds since 1970, and the value as text. */
  readonly value: readonly [number, string]
}

export interface Rule {
  readonly name: string
  readonly state: 'inactive' | 'pending' | 'firing'
  readonly health: 'ok' | 'err' | 'unknown'
  readonly lastError?: string
}

export class Prometheus {
  readonly #url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.#url = url
    this.#child = child
  }

  /** Ready, and ended after the test. `target`: host and port. */
  static async start(test: TestContext, target: string): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-prometheus-'))
    const file = join(directory, 'prometheus.json')
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(prometheusConfig, 'alerts.yml')],
      scrape_configs: [{ job_name: 'caudal', static_configs: [{ targets: [target] }] }],
    }
    // JSON is YAML too.
    writeFileSync(file, JSON.stringify(config))
    const [port] = await freePorts(1, systemClock)
    const listen = `127.0.0.1:${port}`
    const args = [`--config.file=${file}`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=${listen}`]
    const child = spawn('prometheus', args, { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('close', resolve))
    test.after(async () => {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true })
    })
    const prometheus = new Prometheus(`http://${listen}`, child)
    await until(() => prometheus.#isReady(), 'Prometheus is ready')
    return prometheus
  }

  /** An expression as of now. @throws Error with its complaint about the expression */
  async query(expr: string): Promise<readonly Sample[]> {
    const body = new URLSearchParams({ query: expr })
    const answer = (await (await fetch(`${this.#url}/api/v1/query`, { method: 'POST', body })).json()) as {
      readonly status: string
      readonly error?: string
      readonly data?: { readonly result: readonly Sample[] }
    }
    if (answer.status !== 'success' || answer.data === undefined) throw new Error(`${expr}: ${answer.error}`)
    return answer.data.result
  }

  async rules(): Promise<readonly Rule[]> {
    const answer = (await (await fetch(`${this.#url}/api/v1/rules`)).json()) as {
      readonly data: { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
    }
    return answer.data.groups.flatMap(({ rules }) => rules)
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`Prometheus has ended with exit code ${this.#child.exitCode}`)
    try {
      return (await fetch(`${this.#url}/-/ready`)).ok
    } catch (ignored) {
      // It does not listen yet.
      return false
    }
  }
}
