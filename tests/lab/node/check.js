// One story of node-routeros with a router: check.js STORY PORT PASSWORD. Exit status 0 if it went as it should.
'use strict';
const assert = require('assert');
const { RouterOSAPI } = require('node-routeros');

const [story, port, password] = process.argv.slice(2);

function connection(secret) {
    return new RouterOSAPI({ host: '127.0.0.1', port: Number(port), user: 'admin', password: secret, timeout: 5 });
}

async function refusal(promise) {
    try {
        await promise;
    } catch (error) {
        return error.message;
    }
    throw new Error('was not refused');
}

const RULE = ['=chain=dstnat', '=action=dst-nat', '=protocol=tcp', '=in-interface=wg0', '=to-addresses=192.168.88.10'];

const stories = {
    async login(api) {
        assert.deepStrictEqual(await api.write('/system/identity/print'), [{ name: 'MikroTik' }]);
        await assert.rejects(connection('wrong').connect());
    },

    async rules(api) {
        const added = await api.write('/ip/firewall/nat/add', ...RULE, '=dst-port=80', '=comment=a=b');
        assert.deepStrictEqual(added, [{ ret: '*1' }]);
        await api.write('/ip/firewall/nat/add', ...RULE, '=dst-port=81');
        await api.write('/ip/firewall/nat/set', '=.id=*1', '=disabled=yes');
        const rows = await api.write('/ip/firewall/nat/print', '?disabled=true', '=.proplist=.id,dst-port,comment');
        assert.deepStrictEqual(rows, [{ '.id': '*1', 'dst-port': '80', comment: 'a=b' }]);
        await api.write('/ip/firewall/nat/remove', '=.id=*1');
        assert.strictEqual((await api.write('/ip/firewall/nat/print')).length, 1);
        // Two at once, by their tags.
        const both = await Promise.all([api.write('/interface/print'), api.write('/ip/address/print')]);
        assert.strictEqual(both[0].length, 3);
        assert.strictEqual(both[1].length, 2);
    },

    async traps(api) {
        assert.strictEqual(await refusal(api.write('/ip/firewall/nat/add', ...RULE, '=in-interface=wg9')),
            'input does not match any value of interface');
        assert.match(await refusal(api.write('/ip/firewall/nat/remove', '=.id=*99')), /^no such item/);
        assert.strictEqual(await refusal(api.write('/ip/firewall/nat/frob')), 'no such command');
        assert.strictEqual((await api.write('/system/identity/print')).length, 1);
    },

    async listen(api) {
        const events = [];
        let wake;
        const heard = (count) => new Promise((resolve) => {
            wake = () => events.length >= count && resolve();
            wake();
        });
        const stream = api.stream(['/ip/firewall/nat/listen'], (error, row) => {
            assert.ifError(error);
            events.push(row);
            if (wake) wake();
        });
        await api.write('/ip/firewall/nat/add', ...RULE, '=dst-port=80');
        await api.write('/ip/firewall/nat/remove', '=.id=*1');
        await heard(2);
        assert.strictEqual(events[0]['dst-port'], '80');
        assert.strictEqual(events[1]['.dead'], 'true');
        await stream.stop();
        await api.write('/ip/firewall/nat/add', ...RULE, '=dst-port=81');
        assert.strictEqual(events.length, 2);
    },

    async empty(api) {
        assert.deepStrictEqual(await api.write('/ip/firewall/nat/print'), []);
    },
};

async function main() {
    const api = connection(password);
    await api.connect();
    await stories[story](api);
    await api.close();
}

main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});
