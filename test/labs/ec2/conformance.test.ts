import t from 'tap'
import { conformance } from '../../conformance/suite.ts'
import { todo } from './todo.ts'
import { buildOnMoto, exhausted } from './app.ts'

t.setTimeout(600_000)

t.test('EC2 on moto conforms', async (t) => {
  t.setTimeout(600_000)
  const { app, api, image_id } = await buildOnMoto(t, { moto: { validate: true } })
  await conformance(t, {
    app,
    api,
    cloud: 'default',
    tightCloud: 'tight',
    image_id,
    size_id: 't3.micro',
    other_size_id: 't3.small',
    impossible_size_id: exhausted,
    capacity: 'at once',
    // Amazon's fingerprint of an imported RSA key is of another kind than that of one it has made.
    public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKY3onyyEWI6sNt6di3pwOM2Bk6pudV/McdylaTsJugA lab',
    quotas: ['floating_ips'],
    needs: { networks: { cidr: '10.100.0.0/16' } },
    todo
  })
})
