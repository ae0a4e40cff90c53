import { describe, expect, it } from "vitest";
import { crc32, zipOf } from "../src/zip";

describe("zip", () => {
  it("has the checksum of the standard's own example", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  it("holds files, then their index, then where that is", async () => {
    const zip = await zipOf([
      { name: "a.txt", file: new Blob(["one"]) },
      { name: "ü/b.txt", file: new Blob(["three"]) },
    ]);
    const bytes = new DataView(await zip.arrayBuffer());
    const end = bytes.byteLength - 22;
    expect(bytes.getUint32(end, true)).toBe(0x06054b50);
    expect(bytes.getUint16(end + 10, true)).toBe(2);
    const index = bytes.getUint32(end + 16, true);
    expect(bytes.getUint32(index, true)).toBe(0x02014b50);
    expect(index + bytes.getUint32(end + 12, true)).toBe(end);
    // The second entry of the index says where its file begins: after 30 + 5 + 3 bytes of the first.
    const second = bytes.getUint32(index + 46 + 5 + 42, true);
    expect(second).toBe(38);
    expect(bytes.getUint32(second, true)).toBe(0x04034b50);
    expect(bytes.getUint32(second + 18, true)).toBe(5);
    expect(bytes.getUint16(second + 26, true)).toBe(8);
  });
});
