/** Rules about tools of other people: their secrets, and what policies are told of them. */
import { sendsArgument } from '../../tools/http/http-config.ts';
import type { Topology } from '../topology.ts';
import { type Rule, type RuleFinding, warning } from './rule.ts';

interface NamedVariable {
  readonly path: readonly PropertyKey[];
  readonly variable: string;
}

/** The environment variables that tools name, and where. */
function variablesOf(tools: Topology['tools']): NamedVariable[] {
  return Object.entries(tools).flatMap(([name, tool]) => {
    if (tool.kind === 'http') return headersOf(tool, ['tools', name]);
    if (tool.kind === 'search') {
      const variable = tool.ranking === 'bm25' ? null : (tool.embeddings?.apiKeyEnv ?? null);
      return variable === null ? [] : [{ path: ['tools', name, 'embeddings', 'apiKeyEnv'], variable }];
    }
    if (tool.kind !== 'mcp') return [];
    const path = ['tools', name, 'server'];
    if ('url' in tool.server) return headersOf(tool.server, path);
    return tool.server.env.map((variable, index) => ({ path: [...path, 'env', index], variable }));
  });
}

function headersOf(
  {
    tokenEnv,
    headersEnv,
  }: { readonly tokenEnv: string | null; readonly headersEnv: Readonly<Record<string, string>> },
  path: readonly PropertyKey[],
): NamedVariable[] {
  const token = tokenEnv === null ? [] : [{ path: [...path, 'tokenEnv'], variable: tokenEnv }];
  const headers = Object.entries(headersEnv);
  return [
    ...token,
    ...headers.map(([header, variable]) => ({ path: [...path, 'headersEnv', header], variable })),
  ];
}

export const missingToolVariable: Rule = {
  name: 'missing-tool-variable',
  about: 'Environment variables that tools name are set.',
  check: ({ tools, stages }, { env }) =>
    env === undefined || stages.tools === undefined
      ? []
      : variablesOf(tools)
          .filter(({ variable }) => (env[variable] ?? '') === '')
          .map(({ path, variable }) =>
            warning(
              path,
              `the environment variable \`${variable}\` is not set: the run would stop at its start`,
            ),
          ),
};

export const argumentUnsent: Rule = {
  name: 'argument-unsent',
  about: 'What a policy asks of an `http` tool without a `function` is sent.',
  check: ({ tools }) =>
    Object.entries(tools).flatMap(([name, tool]): RuleFinding[] =>
      tool.kind !== 'http' || tool.function !== null || sendsArgument(tool)
        ? []
        : [
            warning(
              ['tools', name],
              'nothing of the argument is sent, and the run would stop at its start: put {{argument}} into `url` or `body`',
            ),
          ],
    ),
};

export const openToken: Rule = {
  name: 'open-token',
  about: "Tools' tokens go over https only, or stay on this machine.",
  check: ({ tools }) =>
    Object.entries(tools).flatMap(([name, tool]): RuleFinding[] => {
      const place = secretPlace(tool);
      if (place === null || !/^http:\/\/(?!localhost\b|127\.|\[::1\])/.test(place.url)) return [];
      return [
        warning(
          ['tools', name, ...place.path],
          'secrets go over http in the open: expected an https address',
        ),
      ];
    }),
};

/** Where a tool sends its secrets; null for one that has none. */
function secretPlace(
  tool: Topology['tools'][string],
): { readonly url: string; readonly path: readonly string[] } | null {
  if (tool.kind === 'search') {
    const { baseUrl = '', apiKeyEnv = null } = tool.embeddings ?? {};
    return apiKeyEnv === null ? null : { url: baseUrl, path: ['embeddings', 'baseUrl'] };
  }
  const place =
    tool.kind === 'http' ? tool : tool.kind === 'mcp' && 'url' in tool.server ? tool.server : null;
  if (place === null || (place.tokenEnv === null && Object.keys(place.headersEnv).length === 0)) return null;
  return { url: place.url, path: tool.kind === 'http' ? ['url'] : ['server', 'url'] };
}

export const unusedEmbeddings: Rule = {
  name: 'unused-embeddings',
  about: 'Embeddings of a search tool are used by its `ranking`.',
  check: ({ tools }) =>
    Object.entries(tools).flatMap(([name, tool]): RuleFinding[] =>
      tool.kind === 'search' && tool.ranking === 'bm25' && tool.embeddings !== null
        ? [warning(['tools', name, 'embeddings'], '`ranking: bm25` uses none: write `dense` or `fused`')]
        : [],
    ),
};

export const untoldTool: Rule = {
  name: 'untold-tool',
  about: "Swirl's own instructions say what each tool is good for.",
  check: ({ tools, tasks }) =>
    Object.entries(tools).flatMap(([name, tool]): RuleFinding[] => {
      if (tool.kind !== 'http' || tool.description !== null || tool.function !== null) return [];
      const told = Object.values(tasks).some(
        (task) => task.instructions === null && task.tools.includes(name),
      );
      return told
        ? [
            warning(
              ['tools', name],
              `policies are told of \`${name}\` only its tag: give it a \`description\`, or its tasks \`instructions\``,
            ),
          ]
        : [];
    }),
};
