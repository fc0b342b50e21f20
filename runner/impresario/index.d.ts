// SPDX-License-Identifier: Apache-2.0
import type { Page } from "playwright";

export { z } from "zod";

/** Any schema library that implements the Standard Schema interface; Zod does. */
export interface Schema<Value = unknown> {
    readonly "~standard": {
        readonly version: 1;
        readonly vendor: string;
        readonly validate: (value: unknown) => unknown;
        readonly types?: { readonly input: unknown; readonly output: Value } | undefined;
    };
}

export interface WorkflowContext {
    /** The id of the job that runs. */
    session: string;
    /** The first and only page of a browser that no other job has used. */
    page: Page;
}

export interface WorkflowOptions<Input, Credential extends string> {
    /** Checks `params` before the handler runs; the handler gets the parsed value. */
    input?: Schema<Input>;
    /** Describes the result; results are not checked against it. */
    output?: Schema;
    /** Names of stored credentials that the server may hand to this workflow. */
    credentials?: readonly Credential[];
    /** The browser profile to start with; `refresh` saves it after a run that succeeded. */
    authProfile?: string | { name: string; refresh?: boolean };
    /** Opened before the handler starts. */
    startUrl?: string;
    /** Default: 1366 x 768. */
    viewport?: { width: number; height: number };
    gpu?: boolean;
}

export type WorkflowInput<Input, Credential extends string> = [Credential] extends [never]
    ? Input
    : Input & { credentials: Partial<Record<Lowercase<Credential>, string>> };

export type Handler<Input, Result> = (
    context: WorkflowContext,
    input: Input,
) => Promise<Result> | Result;

export interface Workflow<Result = unknown> {
    readonly name: string;
    readonly credentialNames: readonly string[];
    run(context: WorkflowContext, input?: unknown): Promise<Result>;
}

export function workflow<Result>(
    name: string,
    handler: Handler<Record<string, unknown>, Result>,
): Workflow<Result>;
export function workflow<
    Result,
    Input = Record<string, unknown>,
    Credential extends string = never,
>(
    name: string,
    options: WorkflowOptions<Input, Credential>,
    handler: Handler<WorkflowInput<Input, Credential>, Result>,
): Workflow<Result>;
export function workflow<
    Result,
    Input = Record<string, unknown>,
    Credential extends string = never,
>(
    name: string,
    options: WorkflowOptions<Input, Credential> & {
        handler: Handler<WorkflowInput<Input, Credential>, Result>;
    },
): Workflow<Result>;

/** Thrown before the handler when `params` do not fit the input schema. */
export class WorkflowInputError extends Error {
    readonly issues: readonly { message: string; path?: readonly unknown[] }[];
}

/** Does nothing on the server. */
export function pause(session?: string): Promise<void>;

/** Clicks what starts a download; gives its bytes and the file name that the site suggests. */
export function downloadViaClick(
    page: Page,
    selector: string,
    options?: { timeout?: number },
): Promise<{ buffer: Buffer; filename: string }>;

export interface PageRequest {
    url: string;
    method?: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
    headers?: Record<string, string>;
    body?: Record<string, unknown> | string;
    bodyType?: "json" | "form";
    responseType?: "json" | "text" | "xml";
}

/** A request made by the page itself; an answer other than 2xx is an error. */
export function pageRequest<Body = any>(
    page: Page,
    request: PageRequest,
    options?: { schema?: { parse(value: unknown): Body } },
): Promise<Body>;

/** Asks whether the page is signed in, signs in where it is not, and asks again. */
export function authenticate<Credentials = Record<string, string>>(
    context: WorkflowContext,
    options: {
        isSignedIn: (context: WorkflowContext) => Promise<boolean> | boolean;
        signIn: (context: WorkflowContext, credentials: Credentials) => Promise<void> | void;
        credentials?: Credentials;
    },
): Promise<{ usedProfile: boolean }>;
