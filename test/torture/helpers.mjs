// SPDX-License-Identifier: Apache-2.0
/**
 * System calls that fail in the helpers: in the one that makes boxes, in the one that lets them out to the
 * network, and in the one that fetches packages, while uploads are built and jobs run. Each build and each
 * job ends, well or with its reason; the server lives; and without the fault all goes on as before.
 */
import assert from "node:assert/strict";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { Registry } from "../support/registry.mjs";
import { Server, unique } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";
import { chosen, Fired, whyNoFaults, withFault } from "./faults.mjs";
import { descendants, nameOf } from "./processes.mjs";

/** By helper: calls on its way, and how they fail there. */
const FAULTS = {
    spawn: [
        ["clone", "EAGAIN"],
        ["clone", "ENOMEM"],
        ["openat", "EMFILE"],
        ["mkdir", "ENOSPC"],
        ["pipe2", "EMFILE"],
        ["socketpair", "EMFILE"],
        ["socket", "ENOBUFS"],
        ["setsockopt", "ENOBUFS"],
        ["pidfd_open", "EMFILE"],
        ["epoll_ctl", "ENOMEM"],
        ["epoll_wait", "EINTR"],
        ["recvmsg", "ENOBUFS"],
        ["sendmsg", "EPIPE"],
        ["read", "EIO"],
        ["write", "EPIPE"],
        ["rmdir", "EBUSY"],
    ],
    egress: [
        ["socket", "EMFILE"],
        ["accept4", "EMFILE"],
        ["connect", "ENETUNREACH"],
        ["epoll_ctl", "ENOMEM"],
        ["recvmsg", "ENOBUFS"],
        ["recvmsg", "EBADF"],
        ["sendmsg", "EPIPE"],
        ["recvfrom", "ECONNRESET"],
        ["sendto", "EPIPE"],
    ],
    registry: [
        ["socket", "EMFILE"],
        ["connect", "ENETUNREACH"],
        ["accept4", "EMFILE"],
        ["openat", "EMFILE"],
        ["epoll_ctl", "ENOMEM"],
        ["recvmsg", "ENOBUFS"],
        ["recvmsg", "EBADF"],
        ["recvfrom", "ECONNRESET"],
        ["sendto", "EPIPE"],
        ["fstatfs", "EIO"],
        ["renameat", "ENOSPC"],
    ],
};
/** Who is never let in, or never hears, is never answered: there it ends by itself. */
const PASSING = ["accept4 EMFILE", "recvmsg ENOBUFS", "epoll_wait EINTR", "epoll_ctl ENOMEM"];
const whens = (call, error) => ["1", "3", PASSING.includes(`${call} ${error}`) ? "1..20" : "1+"];
const CASES = Object.entries(FAULTS).flatMap(([helper, faults]) =>
    faults.flatMap(([call, error]) => whens(call, error).map((when) => ({ helper, call, error, when }))),
);
/** A build is tried three times, a job started three times, and npm asks more than once each time. */
const PATIENCE_MS = 200_000;
const ENV = {
    IMPRESARIO_WARM_SLOTS: "0",
    IMPRESARIO_SPARE_SLOTS: "0",
    IMPRESARIO_JOB_SLOTS: "2",
    IMPRESARIO_BUILD_SECONDS: "60",
};
const FETCHES = `const soon = () => ({ signal: AbortSignal.timeout(20_000) });
await fetch("http://10.0.0.1/", soon()).catch(() => {}); // refused, which the server is told
return { says: (await fetch(input.url, soon())).status };`;

/** The one that is there now: a helper that ended is started again, and has another number then. */
function helperOf(server, name) {
    return descendants(server.pid).find((pid) => nameOf(pid) === `impresario-${name}`);
}

/** Builds something with a package that nobody has, and runs a job that asks a site. Both end, and say how. */
async function both({ tenant, registry, site }) {
    const name = unique("helped");
    registry.add(name, "1.0.0", name);
    const source = `import { workflow } from "impresario";
import p from ${JSON.stringify(name)};
export default workflow(${JSON.stringify(name)}, async () => p);
`;
    const [built, job] = await Promise.all([
        tenant.build(plain({ "index.ts": source }, { dependencies: { [name]: "1.0.0" } })),
        tenant.run("asks", { url: `${site.url}/start` }),
    ]);
    if (built.status === "failed") assert.ok(built.build_error, "a build that failed says why");
    if (job.status === "completed") assert.deepEqual(job.result, { says: 200 });
    else assert.ok(job.error, "a job that failed says why");
    return { built, job };
}

/** One fault, and whether all is as before when it is gone. */
async function suffer(world, fault) {
    const { server } = world;
    const pid = helperOf(server, fault.helper);
    assert.ok(pid, `there is no ${fault.helper}`);
    const how = { all: fault.helper !== "spawn", patience: PATIENCE_MS };
    let during;
    const times = await withFault(fault, pid, async () => void (during = await both(world)), how);
    assert.ok(!server.ended, `the server has ended: ${server.lastWords.slice(-1500)}`);
    const { built, job } = await both(world);
    assert.equal(built.status, "ready", `afterwards: ${built.build_error}`);
    assert.equal(job.status, "completed", `afterwards: ${job.error}`);
    return { times, built: during.built.status, job: during.job.status };
}

/** @param {import("./run.mjs").Part} part */
export async function helpers(part) {
    const registry = await Registry.open({ keeps: false });
    const site = await Site.open();
    const server = await Server.start({ env: { ...ENV, ...registry.settings } });
    const fired = new Fired(CASES);
    try {
        const why = await whyNoFaults(server.pid);
        if (why) return part.cannot(why);
        const tenant = await Tenant.make("torture", server);
        await tenant.deploy(oneWorkflow("asks", FETCHES));
        const ends = {};
        // What fails for ever is asked for again and again until a build is given up, which is not quick.
        const cases = CASES.filter(({ when }) => !part.quick || !when.endsWith("+"));
        for (const fault of chosen(cases, part)) {
            await part.check(Object.values(fault).join(" "), async () => {
                const { times, built, job } = await suffer({ server, tenant, registry, site }, fault);
                fired.add(fault, times);
                if (process.env.IMPRESARIO_TEST_VERBOSE) console.log(`   ${times} times: build ${built}, job ${job}`);
                for (const end of [`build ${built}`, `job ${job}`]) ends[end] = (ends[end] ?? 0) + 1;
            });
            if (server.ended) break;
        }
        await fired.check(part);
        await part.check("the server ends as it should", async () => assert.equal((await server.end()).code, 0));
        part.note(JSON.stringify(ends));
    } finally {
        await server.stop();
        await site.close();
        await registry.close();
    }
}
