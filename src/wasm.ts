/** WebAssembly that `npm run generate` assembled (`scripts/generate-wasm.ts`). */

/** Memory that a module shares with us. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** What is used of it; its types come only with a browser's. */
declare const WebAssembly: {
  Memory: new (limits: { readonly initial: number }) => WasmMemory;
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ readonly instance: { readonly exports: unknown } }>;
};

/** Bytes of a page of memory. */
export const WASM_PAGE = 65_536;

export function wasmMemory(bytes: number): WasmMemory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / WASM_PAGE) });
}

/** What a module of a generated file (base64) exports. `swirl` is what it imports under that name. */
export async function wasmExports<T>(module: string, swirl: object = {}): Promise<T> {
  const { instance } = await WebAssembly.instantiate(Buffer.from(module, 'base64'), { swirl });
  return instance.exports as T;
}
