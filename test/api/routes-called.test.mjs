// SPDX-License-Identifier: Apache-2.0
/**
 * The last suite: what the table of routes promises, some other suite has seen. A route that is built
 * must have been called so that each field of its answer had a value, was null where it may be and absent
 * where it may be, each word of an enumeration came up, each field of its input was given and left out,
 * and each of its errors was heard.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { factsSeen, implemented } from "../support/contract.mjs";
import { demanded } from "../support/coverage.mjs";
import { Tenant } from "../support/tenant.mjs";

const NO_SHARING = "workflows are not shared yet";
const OWNED = "a name belongs to a deployment that is ready";
const KEPT_OPEN = "the contract leaves room for it; this server never does it";

/** What the contract has room for and this server does not do (yet). A fact that is seen must leave the list. */
const NEVER = {
    "/v1/workflows/list": {
        "out deployed_workflows[].deployment_status building": OWNED,
        "out deployed_workflows[].deployment_status failed": OWNED,
        "out in_progress_builds[].status ready": "what is ready is listed as a workflow",
    },
    "/v1/workflows/get": {
        "out deployment_status building": OWNED,
        "out deployment_status failed": OWNED,
        "out deployment_built_at null": OWNED,
        "out sharing_enabled true": NO_SHARING,
        "out publication value": NO_SHARING,
        "out publication.description value": NO_SHARING,
        "out publication.description null": NO_SHARING,
        "out publication.stale true": NO_SHARING,
        "out publication.stale false": NO_SHARING,
        "out publication.page_url value": NO_SHARING,
        "out publication.hosted_workflow value": NO_SHARING,
        "out publication.deployment_version value": NO_SHARING,
    },
    "/v1/workflows/build": { "out status agent_running": KEPT_OPEN },
    "/v1/workflows/buildStatus": {
        "out details null": KEPT_OPEN,
        "out attempted_steps[].duration_ms null": KEPT_OPEN,
    },
    "/v1/jobs/create": { "out status starting_browser": KEPT_OPEN },
    "/v1/jobs/get": {
        "out live_view_url value": "there is no live view yet",
        "out live_view_url null": "there is no live view yet",
        "out hosted_workflow_id value": "there is no catalogue yet",
    },
    "/v1/logs/list": { "out logs[].workflow null": KEPT_OPEN },
    "/v1/credentials/update": { "out success false": KEPT_OPEN },
    "/v1/browserProfiles/delete": { "out success false": KEPT_OPEN },
};

const t = await Tenant.make("routes-called");
const facts = factsSeen();

for (const route of await implemented(t.url)) {
    const never = NEVER[route.path] ?? {};
    // Two names of one route are one.
    const seen = new Set(
        [route.path, route.alias_of].flatMap((path) => [...(facts.get(`${route.method} ${path}`) ?? [])]),
    );

    test(`${route.path}: all that it promises was seen`, () => {
        const missing = demanded(route).filter((fact) => !seen.has(fact) && !(fact in never));
        assert.deepEqual(missing, [], "no suite has seen these");
    });

    test(`${route.path}: what it never does was not seen`, () => {
        const known = new Set(demanded(route));
        for (const fact of Object.keys(never)) {
            assert.ok(known.has(fact), `"${fact}" is no promise of the route`);
            assert.ok(!seen.has(fact), `"${fact}" was seen: take it off the list`);
        }
    });
}
