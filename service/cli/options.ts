/** The options of commands that are no configuration keys. */

export interface Option {
  /** What stands for its value in the help; null: it takes none. */
  readonly value: string | null
  readonly help: string
}

export const options = {
  export: { value: 'name', help: 'The export of the file that is the topology; default: "default".' },
  seconds: { value: 'n', help: 'Stop by itself after this many seconds.' },
  input: { value: 'file', help: 'Records to run on, as JSON lines; - is standard input.' },
  partitions: { value: 'n', help: 'Of every topic that is read or written; default: 1.' },
  batch: { value: 'n', help: 'At most this many records a batch; default: all of them in one.' },
  now: { value: 'time', help: 'What the clock says: 2026-01-01T08:00:00Z, or ms since 1970; default: the newest timestamp.' },
  config: { value: 'file', help: 'A JSON file of settings, over config/default.json; may be repeated.' },
  help: { value: null, help: 'This text.' },
  version: { value: null, help: 'The version.' },
} as const satisfies Record<string, Option>

export type OptionName = keyof typeof options

export const isOption = (name: string): name is OptionName => Object.hasOwn(options, name)
