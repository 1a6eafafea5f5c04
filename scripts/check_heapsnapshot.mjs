// Loads a .heapsnapshot with the code of Chrome's developer tools, and writes the retained size of every node, as doubles.
// node scripts/check_heapsnapshot.mjs HEAP_SNAPSHOT_TOOLKIT_INDEX_JS FILE OUT
import { createReadStream, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [toolkit, file, out] = process.argv.slice(2)
const { parse } = await import(pathToFileURL(toolkit).href)
const snapshot = await parse(createReadStream(file, { encoding: 'utf8' }))
const sizes = new Float64Array(snapshot.nodeCount)
const node = snapshot.rootNode()
for (let at = 0; at < snapshot.nodeCount; at++) {
  node.nodeIndex = at * snapshot.nodeFieldCount
  sizes[at] = node.retainedSize()
}
writeFileSync(out, new Uint8Array(sizes.buffer))
console.log(JSON.stringify({ nodes: snapshot.nodeCount, total: snapshot.totalSize ?? sizes[0] }))
