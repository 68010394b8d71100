// nat.mjs LIBRARY HOST GATEWAY PROTOCOL PORT [TTL]: has the port of this host mapped, prints what the library returns to its
// caller, and has the mapping removed at SIGTERM.
const [library, host, gateway, protocol, portText, ttlText] = process.argv.slice(2);
const port = Number(portText);
const ttl = ttlText ? { ttl: Number(ttlText) } : {};
const modules = process.env.NODE_PATH;

async function natPortMapper() {
  const { pmpNat } = await import(`${modules}/@achingbrain/nat-port-mapper/dist/src/index.js`);
  const nat = pmpNat(gateway);
  return { map: () => nat.map(port, host, { protocol, ...ttl }), unmap: () => nat.stop() };
}

async function natApi() {
  const { default: NatAPI } = await import(`${modules}/@silentbot1/nat-api/index.js`);
  const nat = new NatAPI({ enablePMP: true, enableUPNP: false, ...ttl });
  return {
    map: () => nat.map({ publicPort: port, privatePort: port, protocol: protocol.toUpperCase() }),
    unmap: () => nat.destroy(),
  };
}

async function natPmp() {
  const { default: natpmp } = await import(`${modules}/nat-pmp/index.js`);
  const nat = natpmp.connect(gateway);
  const wanted = { private: port, public: port, type: protocol, ...ttl };
  const ask = (call) =>
    new Promise((resolve, reject) =>
      nat[call](wanted, (error, info) => (error ? reject(error) : resolve(info))));
  return { map: () => ask('portMapping'), unmap: () => ask('portUnmapping') };
}

const libraries = { '@achingbrain/nat-port-mapper': natPortMapper, '@silentbot1/nat-api': natApi, 'nat-pmp': natPmp };
const client = await libraries[library]();
const stay = setInterval(() => {}, 60000);
process.on('SIGTERM', async () => {
  clearInterval(stay);
  await client.unmap();
  process.exit(0);
});
console.log(JSON.stringify(await client.map()));
