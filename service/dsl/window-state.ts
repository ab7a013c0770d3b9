/** How the state of windows is stored: a codec for each kind, around that of the aggregate. */
import type { CodecFor } from '../codec/codec.ts'
import { hoppingState } from '../codec/hopping.ts'
import { inverseState } from '../codec/inverse.ts'
import { keyWindows } from '../codec/key-windows.ts'
import { markerState } from '../codec/marker-sessions.ts'
import { sessions } from '../codec/sessions.ts'
import { slidingState } from '../codec/sliding.ts'
import { storedRecords } from '../codec/stored-records.ts'
import { structured } from '../codec/structured.ts'
import type { WindowSpec } from '../topology/node.ts'
import { sharesSlices } from '../topology/window-text.ts'
import type { Aggregate } from './aggregates.ts'

/** Records that wait in the state of windows, or will leave them, have values of any type, for which the language takes no codec. */
const anyValue: CodecFor<unknown> = structured()

export function windowCodec(windows: WindowSpec, { codec, functions }: Aggregate): CodecFor<unknown> {
  const slice = functions.merge === undefined ? (storedRecords(anyValue) as CodecFor<unknown>) : codec
  switch (windows.kind) {
    case 'aligned':
      return sharesSlices(windows, functions) ? (keyWindows(hoppingState(codec)) as CodecFor<unknown>) : codec
    case 'batches':
      if (functions.remove !== undefined)
        return keyWindows(inverseState({ aggregate: codec, values: anyValue })) as CodecFor<unknown>
      return sharesSlices(windows, functions) ? (keyWindows(hoppingState(codec)) as CodecFor<unknown>) : codec
    case 'session':
      return windows.startsWith === undefined && windows.endsWith === undefined
        ? (keyWindows(sessions(codec)) as CodecFor<unknown>)
        : (keyWindows(markerState({ aggregate: codec, value: anyValue })) as CodecFor<unknown>)
    case 'sliding':
      return keyWindows(slidingState({ slice, value: anyValue })) as CodecFor<unknown>
  }
}
