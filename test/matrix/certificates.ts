/** A certificate authority of a run's own, by openssl, and a certificate of it for servers on this machine. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  /** Files in PEM. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
  /** Key and certificate in one file, as Kafka takes them. */
  readonly keyStore: string
}

const subject = 'subjectAltName=IP:127.0.0.1,DNS:localhost'
const newKey = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']

/** @throws Error where there is no openssl */
export function makeCertificates(directory: string): Certificates {
  const file = (name: string): string => join(directory, name)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  openssl('req', '-x509', ...newKey, '-subj', '/CN=caudal test authority', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl('req', ...newKey, '-subj', '/CN=caudal test server', '-keyout', 'server.key', '-out', 'server.csr')
  writeFileSync(file('names'), subject)
  const sign = ['-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2']
  openssl('x509', ...sign, '-extfile', 'names', '-out', 'server.pem')
  copyFileSync(file('server.key'), file('store.pem'))
  appendFileSync(file('store.pem'), readFileSync(file('server.pem')))
  return { authority: file('ca.pem'), certificate: file('server.pem'), key: file('server.key'), keyStore: file('store.pem') }
}
