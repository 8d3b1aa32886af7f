/** A tool's result in MCP as the text that a policy is shown. What is no text is named, and not shown. */
import type { CallToolResult } from '@modelcontextprotocol/client';

type Content = CallToolResult['content'][number];

/** The text of all parts, one after another; the structured result as JSON where there is no text. */
export function textOfResult({ content, structuredContent }: CallToolResult): string {
  const hasText = content.some(({ type }) => type === 'text' || type === 'resource');
  const parts = content.map(textOf);
  if (!hasText && structuredContent !== undefined) parts.unshift(JSON.stringify(structuredContent));
  return parts.join('\n');
}

function textOf(part: Content): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'image':
    case 'audio':
      return `[${part.type}, ${part.mimeType}, ${bytesOf(part.data)} bytes, not shown]`;
    case 'resource_link':
      return `[link to ${part.name}: ${part.uri}]`;
    case 'resource': {
      const { resource } = part;
      if ('text' in resource) return resource.text;
      const type = resource.mimeType ?? 'no known type';
      return `[${resource.uri}, ${type}, ${bytesOf(resource.blob)} bytes, not shown]`;
    }
  }
}

/** How many bytes Base64 stands for. */
function bytesOf(base64: string): number {
  return Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
}
