// The fastest that Node has to offer without writing HTTP by hand: fastify with its schema, group commit, no log.
// node fastify_group.mjs PORT DATABASE
import Fastify from 'fastify'
import { groupCommit, openTable } from './table.mjs'

const [port, path] = process.argv.slice(2)
const store = groupCommit(openTable(path))
const text = pattern => ({ type: 'string', pattern })
const schema = {
  body: {
    type: 'object',
    required: ['zoho_id', 'record_type', 'call_status', 'timestamp', 'call_id'],
    properties: {
      zoho_id: text('^[0-9]{1,20}$'),
      record_type: text('^(Lead|Contact)$'),
      call_status: text('^(answered|no_answer|busy|failed)$'),
      timestamp: text('^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$'),
      call_id: { type: 'string', minLength: 1, maxLength: 120 },
    },
  },
  response: { 200: { type: 'object', properties: { success: { type: 'boolean' } } } },
}
const app = Fastify({ logger: false })
app.post('/api/callback', { schema }, async request => {
  await store(request.body)
  return { success: true }
})
app.listen({ port: Number(port), host: '127.0.0.1' })
