// SPDX-License-Identifier: GPL-3.0-or-later
// Sends statements with @xapi/xapi and tincanjs as their READMEs show. The environment names the engine
// (ENDPOINT, KEY, SECRET), the student and the client (CLIENT, VERSION). Prints what the client made of the
// responses, as one line of JSON.
const { ENDPOINT, KEY, SECRET, STUDENT, CLIENT, VERSION } = process.env;
const VERBS = "http://adlnet.gov/expapi/verbs/";
const actor = { objectType: "Agent", account: { homePage: "https://lms.example.org", name: STUDENT } };
const object = (name) => ({ objectType: "Activity", id: "https://lms.example.org/activities/" + name });
const statement = (verb, name, more) => ({
    actor,
    verb: { id: VERBS + verb, display: { "en-US": verb } },
    object: object(name),
    ...more,
});
const passed = (scaled) => statement("passed", "quiz", { result: { score: { scaled }, success: true } });

async function withXapi() {
    const XAPI = require("@xapi/xapi").default;
    const xapi = new XAPI({ endpoint: ENDPOINT, auth: XAPI.toBasicAuth(KEY, SECRET), ...(VERSION && { version: VERSION }) });
    const about = await xapi.getAbout();
    const one = await xapi.sendStatement({ statement: passed(0.5) });
    const list = await xapi.sendStatements({
        statements: [passed(1), statement("initialized", "quiz"), statement("terminated", "quiz")],
    });
    let refused;
    try {
        await xapi.sendStatement({ statement: { ...passed(0.5), object: { objectType: "StatementRef", id: one.data[0] } } });
    } catch (error) {
        refused = error.response.status;
    }
    return { about: about.data.version, one: one.data, list: list.data, refused };
}

function withTincan() {
    const TinCan = require("tincanjs");
    const settings = { endpoint: ENDPOINT, username: KEY, password: SECRET, allowFail: false };
    const lrs = new TinCan.LRS({ ...settings, ...(VERSION && { version: VERSION }) });
    const call = (method, ...given) =>
        new Promise((done) => lrs[method](...given, { callback: (error, result) => done({ error, result }) }));
    const made = [passed(0.5), passed(1), statement("initialized", "quiz")].map((s) => new TinCan.Statement(s));
    return (async () => {
        const about = await new Promise((done) => lrs.about({ callback: (error, result) => done({ error, result }) }));
        const put = await call("saveStatement", made[0]); // with an id: by PUT
        const list = await call("saveStatements", made.slice(1));
        const again = await call("saveStatement", made[0]);
        return { about: about.result && about.result.version, put: put.error, list: list.error, again: again.error };
    })();
}

({ xapi: withXapi, tincan: withTincan })[CLIENT]()
    .then((result) => console.log(JSON.stringify(result)))
    .catch((error) => {
        console.error(error.response ? [error.response.status, error.response.data] : error);
        process.exit(1);
    });
