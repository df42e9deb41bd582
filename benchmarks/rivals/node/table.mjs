// What both rivals written for Node share: the five fields, the table, and the commit of all that waits at once.
import Database from 'better-sqlite3'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY, call_id TEXT NOT NULL, call_status TEXT NOT NULL, ts TEXT NOT NULL,
    zoho_id TEXT NOT NULL, record_type TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (call_id, call_status, ts)
)`
const INSERT = 'INSERT INTO callbacks (call_id, call_status, ts, zoho_id, record_type, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'

const FIELDS = {
  zoho_id: /^[0-9]{1,20}$/,
  record_type: /^(Lead|Contact)$/,
  call_status: /^(answered|no_answer|busy|failed)$/,
  timestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  call_id: /^[\s\S]{1,120}$/,
}

// The first field that is wrong, or null.
export function problem(body) {
  for (const [name, pattern] of Object.entries(FIELDS)) {
    if (typeof body?.[name] !== 'string' || !pattern.test(body[name])) return name
  }
  return null
}

export function openTable(path) {
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL') // better-sqlite3 itself falls back to NORMAL when it opens a WAL again
  database.exec(SCHEMA)
  const insert = database.prepare(INSERT)
  const store = body =>
    insert.run(body.call_id, body.call_status, body.timestamp, body.zoho_id, body.record_type, JSON.stringify(body))
  return { database, store }
}

// Resolves once the row is durable; whatever came in during one turn of the loop is committed together.
export function groupCommit({ database, store }) {
  let waiting = []
  const all = database.transaction(group => { for (const one of group) store(one.body) })
  const flush = () => {
    const group = waiting
    waiting = []
    try {
      all(group)
    } catch (error) {
      for (const one of group) one.reject(error)
      return
    }
    for (const one of group) one.resolve()
  }
  return body =>
    new Promise((resolve, reject) => {
      if (waiting.push({ body, resolve, reject }) === 1) setImmediate(flush)
    })
}
