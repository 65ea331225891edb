import { pipeline, type Duplex, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * The bytes of a reply as they were before it was compressed. Nobody is asked to compress; some proxies do all the same.
 * @param encoding the header `content-encoding`; one that is unknown leaves the bytes as they are.
 */
export function decoded(body: Readable, encoding: string | null): Readable {
  const decoder = DECODERS[encoding?.trim().toLowerCase() ?? ""]?.();
  // What goes wrong on the way is met by whoever reads.
  return decoder ? pipeline(body, decoder, () => undefined) : body;
}
