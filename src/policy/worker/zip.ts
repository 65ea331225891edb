import { crc32 } from "node:zlib";

/** 1 January 1980, the format's first day: the same files make the same archive. */
const DATE = (1 << 5) | 1;
const VERSION = 20;

/** A zip archive of files, stored as they are: a few sources, for servers that take nothing else. */
export function zipOf(files: ReadonlyMap<string, string | Uint8Array>): Uint8Array {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const [name, content] of files) {
    const data = Buffer.from(content as string);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION, 0);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), common, path, data]);
    const entry = Buffer.alloc(46 - 4 - 2 - 26);
    // Readable and writable by the owner alone.
    entry.writeUInt32LE((0o100600 << 16) >>> 0, 6);
    entry.writeUInt32LE(at, 10);
    const made = Buffer.alloc(2);
    made.writeUInt16LE((3 << 8) | VERSION, 0);
    entries.push(Buffer.concat([Buffer.from("PK\x01\x02", "latin1"), made, common, entry, path]));
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.size, 4);
  end.writeUInt16LE(files.size, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...locals, directory, Buffer.from("PK\x05\x06", "latin1"), end]);
}
