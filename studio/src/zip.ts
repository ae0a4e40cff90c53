/** A .zip of files as they are, made in the browser: what is chosen in a folder is sent as one. */

export interface Entry {
  name: string;
  file: Blob;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let sum = n;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});
/** Names are UTF-8. */
const UTF8 = 0x0800;
/** The first of January 1980, as the format counts. */
const DATE = 0x21;

/** The checksum that the format asks for. */
export function crc32(data: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of data) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** The files in one .zip, not compressed. Raises RangeError for more than its plain form holds. */
export async function zipOf(entries: readonly Entry[]): Promise<Blob> {
  const parts: BlobPart[] = [];
  const index: BlobPart[] = [];
  let [at, listed] = [0, 0];
  if (entries.length > 0xffff) throw new RangeError(`${entries.length} > 65535`);
  for (const { name, file } of entries) {
    const title = new TextEncoder().encode(name);
    const sum = crc32(new Uint8Array(await file.arrayBuffer()));
    const head = [20, UTF8, 0, 0, DATE];
    const sizes = [sum, file.size, file.size];
    const lengths = [title.length, 0];
    const local = record(0x04034b50, head, sizes, lengths);
    const central = record(0x02014b50, [20, ...head], sizes, [...lengths, 0, 0, 0], [0, at]);
    parts.push(local, title, file);
    index.push(central, title);
    at += local.byteLength + title.length + file.size;
    listed += central.byteLength + title.length;
    if (at > 0xffffffff) throw new RangeError("4 GiB");
  }
  const end = record(0x06054b50, [0, 0, entries.length, entries.length], [listed, at], [0]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}

/** A signature and numbers, of 2 and of 4 bytes in turn. */
function record(signature: number, ...runs: number[][]): ArrayBuffer {
  const size = 4 + runs.reduce((sum, run, k) => sum + run.length * (k % 2 ? 4 : 2), 0);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, signature, true);
  let at = 4;
  runs.forEach((run, k) => {
    for (const value of run) {
      if (k % 2) view.setUint32(at, value, true);
      else view.setUint16(at, value, true);
      at += k % 2 ? 4 : 2;
    }
  });
  return view.buffer;
}
