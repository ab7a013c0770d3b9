/** What everything here that takes a while is given. */
export interface Starting {
  /** Receives one line of plain text for the user at each step, and every few seconds while a step takes long. */
  readonly progress: (line: string) => void
  /** Says that the user wants it to end: it then rejects with StoppedError. */
  readonly signal?: AbortSignal | undefined
}
