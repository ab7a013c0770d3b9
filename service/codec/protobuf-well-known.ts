/** The files that every compiler of .proto files has at hand, and no registry: `google/protobuf/timestamp.proto` and its like. */

const field = (type: string, id: number, more: object = {}) => ({ type, id, ...more })
const wrapper = (type: string) => ({ fields: { value: field(type, 1) } })
const repeated = { rule: 'repeated' }

const types = {
  Any: { fields: { type_url: field('string', 1), value: field('bytes', 2) } },
  Timestamp: { fields: { seconds: field('int64', 1), nanos: field('int32', 2) } },
  Duration: { fields: { seconds: field('int64', 1), nanos: field('int32', 2) } },
  Empty: { fields: {} },
  FieldMask: { fields: { paths: field('string', 1, repeated) } },
  Struct: { fields: { fields: field('Value', 1, { keyType: 'string' }) } },
  Value: {
    oneofs: { kind: { oneof: ['nullValue', 'numberValue', 'stringValue', 'boolValue', 'structValue', 'listValue'] } },
    fields: {
      nullValue: field('NullValue', 1),
      numberValue: field('double', 2),
      stringValue: field('string', 3),
      boolValue: field('bool', 4),
      structValue: field('Struct', 5),
      listValue: field('ListValue', 6),
    },
  },
  NullValue: { values: { NULL_VALUE: 0 } },
  ListValue: { fields: { values: field('Value', 1, repeated) } },
  DoubleValue: wrapper('double'),
  FloatValue: wrapper('float'),
  Int64Value: wrapper('int64'),
  UInt64Value: wrapper('uint64'),
  Int32Value: wrapper('int32'),
  UInt32Value: wrapper('uint32'),
  BoolValue: wrapper('bool'),
  StringValue: wrapper('string'),
  BytesValue: wrapper('bytes'),
}

/** As a tree of namespaces, in the JSON form of protobufjs. */
export const wellKnownTypes = { google: { nested: { protobuf: { nested: types } } } }
