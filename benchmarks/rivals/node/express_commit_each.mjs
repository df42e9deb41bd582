// What one would write first for Node: express, better-sqlite3, winston into two files, each request committed by itself.
// node express_commit_each.mjs PORT DATABASE LOGS
import express from 'express'
import winston from 'winston'
import { join } from 'node:path'
import { openTable, problem } from './table.mjs'

const [port, path, logs] = process.argv.slice(2)
const { store } = openTable(path)
const log = winston.createLogger({
  level: 'info',
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [
    new winston.transports.File({ filename: join(logs, 'error.log'), level: 'error' }),
    new winston.transports.File({ filename: join(logs, 'combined.log') }),
  ],
})
const app = express()
app.use(express.json())
app.post('/api/callback', (request, response) => {
  const wrong = problem(request.body)
  if (wrong) return response.status(400).json({ success: false, error: `${wrong} is wrong` })
  try {
    store(request.body)
  } catch (error) {
    log.error('not stored', { error: String(error) })
    return response.status(503).json({ success: false })
  }
  log.info('callback', { call_id: request.body.call_id, call_status: request.body.call_status })
  response.json({ success: true })
})
app.listen(Number(port), '127.0.0.1')
