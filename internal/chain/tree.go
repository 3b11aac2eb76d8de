package chain

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the right edge of a Merkle tree (RFC 6962) that only grows: the
// roots of its complete subtrees, largest first. It is all that is needed to
// add leaves and to know the root. The zero Tree is empty.
type Tree struct {
	size uint64
	edge []tlog.Hash
}

// TreeAt restores a tree from its size and edge; false when they do not fit
// each other.
func TreeAt(size uint64, edge []tlog.Hash) (Tree, bool) {
	if bits.OnesCount64(size) != len(edge) {
		return Tree{}, false
	}
	return Tree{size: size, edge: append([]tlog.Hash(nil), edge...)}, true
}

// Add appends the leaf of one line.
func (t *Tree) Add(line []byte) { t.push(tlog.RecordHash(line), 0) }

func (t *Tree) push(h tlog.Hash, level int) {
	for s := t.size >> level; s&1 == 1; s >>= 1 {
		h = tlog.NodeHash(t.edge[len(t.edge)-1], h)
		t.edge = t.edge[:len(t.edge)-1]
	}
	t.edge = append(t.edge, h)
	t.size += 1 << level
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Edge returns a copy of the subtree roots.
func (t *Tree) Edge() []tlog.Hash { return append([]tlog.Hash(nil), t.edge...) }

// Clone returns a tree that grows on its own.
func (t *Tree) Clone() Tree { return Tree{size: t.size, edge: t.Edge()} }

// Root is the tree head.
func (t *Tree) Root() tlog.Hash {
	if len(t.edge) == 0 {
		return tlog.Hash(sha256.Sum256(nil))
	}
	h := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.edge[i], h)
	}
	return h
}
