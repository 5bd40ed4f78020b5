// The peers' side of a bench for node: the same questions and answers as serve.py. `node serve.mjs NODE_MODULES`.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { encode, parse, tag, withCrcTag } = createRequire(process.argv[2] + "/")("promptparse");

// As in bench/qr_cases.py.
const ROWS = [
  ["00", "01"], ["01", "12"], ["15", "3123456789012345"], ["52", "5411"], ["53", "156"], ["54", "128.50"],
  ["58", "CN"], ["59", "ZHANGGUI"], ["60", "BEIJING"], ["62", "0520ORDER000000000000001070810000001"],
];
const build = () => withCrcTag(encode(ROWS.map(([id, value]) => tag(id, value))), "63");
const payload = build();
const cases = {
  "build-promptparse": build,
  "read-promptparse": () => parse(payload, true, true).getTagValue("54"),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, loops] = line.split(" ");
  const call = cases[name];
  if (!call) {
    console.log(`- no case ${name}`);
    continue;
  }
  let result = "";
  const began = process.hrtime.bigint();
  for (let left = Number(loops); left > 0; left--) result = call();
  console.log(`${process.hrtime.bigint() - began} ${Buffer.from(result).toString("hex")}`);
}
