// Package index remembers which parts of a journal's segment may hold what, so
// that a search reads few of them. It refuses to prove anything: what it names
// is read and checked, and without it everything is.
package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"math"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// BlockBytes is about how much of a segment one block covers.
const BlockBytes = 512 << 10

const (
	filterBytes = 2048
	probes      = 4
)

// Block is a run of whole lines.
type Block struct {
	Offset, Size int64
	First, Last  uint64 // numbers of its entries
	From, To     int64  // their times, Unix nanoseconds
	filter       [filterBytes]byte
}

// Index of one segment. The zero Index covers nothing.
type Index struct {
	Size   int64 // of the segment
	Blocks []Block
}

// Key is a field with a value, as it stands in a line: `"event":"decision"`.
type Key string

// Fields that are indexed; a value that stands elsewhere in a line only makes
// a block be read for nothing.
var fields = [...]string{`"event":"`, `"agent":"`, `"session":"`, `"run":"`, `"rule":"`}

// ErrDamaged is wrapped when stored bytes are no index.
var ErrDamaged = errors.New("not an index of a journal's segment")

// Build reads a finished segment of size bytes, line by line.
func Build(r io.Reader, size int64) (Index, error) {
	x := Index{Size: size}
	in := newLines(r)
	var b *Block
	for at := int64(0); at < size; {
		line, err := in.next()
		if err != nil {
			return Index{}, fmt.Errorf("index: byte %d: %w", at, err)
		}
		h, err := chain.ParseHead(line)
		if err != nil {
			return Index{}, fmt.Errorf("index: byte %d: %w", at, err)
		}
		t, err := time.Parse(time.RFC3339Nano, string(h.Time))
		if err != nil {
			return Index{}, fmt.Errorf("index: entry %d: %w", h.Seq, err)
		}
		if b == nil || b.Size >= BlockBytes {
			x.Blocks = append(x.Blocks, Block{Offset: at, First: h.Seq, From: math.MaxInt64, To: math.MinInt64})
			b = &x.Blocks[len(x.Blocks)-1]
		}
		n := int64(len(line)) + 1
		at += n
		b.Size, b.Last = b.Size+n, h.Seq
		b.From, b.To = min(b.From, t.UnixNano()), max(b.To, t.UnixNano())
		b.learn(line)
	}
	return x, nil
}

func (b *Block) learn(line []byte) {
	for _, f := range fields {
		for rest := line; ; {
			i := bytes.Index(rest, []byte(f))
			if i < 0 {
				break
			}
			end := i + len(f)
			for end < len(rest) && rest[end] != '"' {
				if rest[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(rest) {
				break
			}
			b.add(rest[i : end+1])
			rest = rest[end:]
		}
	}
}

func (b *Block) add(key []byte) {
	for h, i := spread(key), 0; i < probes; i++ {
		bit := h.at(i)
		b.filter[bit/8] |= 1 << (bit % 8)
	}
}

// May reports whether the block may hold a line with the key; false is certain.
func (b *Block) May(k Key) bool {
	for h, i := spread([]byte(k)), 0; i < probes; i++ {
		bit := h.at(i)
		if b.filter[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

type spreading struct{ a, b uint32 }

func spread(key []byte) spreading {
	h := fnv.New64a()
	_, _ = h.Write(key)
	v := h.Sum64()
	v ^= v >> 29
	return spreading{uint32(v), uint32(v>>32) | 1}
}

func (s spreading) at(i int) uint32 { return (s.a + uint32(i)*s.b) % (filterBytes * 8) }

const (
	magic      = "ocjidx1\n"
	blockBytes = 6*8 + filterBytes
)

// Encode is the stored form.
func (x Index) Encode() []byte {
	out := make([]byte, 0, len(magic)+16+len(x.Blocks)*blockBytes+4)
	out = append(out, magic...)
	out = binary.BigEndian.AppendUint64(out, uint64(x.Size))
	out = binary.BigEndian.AppendUint64(out, uint64(len(x.Blocks)))
	for i := range x.Blocks {
		b := &x.Blocks[i]
		for _, v := range [...]uint64{uint64(b.Offset), uint64(b.Size), b.First, b.Last, uint64(b.From), uint64(b.To)} {
			out = binary.BigEndian.AppendUint64(out, v)
		}
		out = append(out, b.filter[:]...)
	}
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
}

// Decode reads what Encode made. Its blocks lie end to end and cover Size.
func Decode(raw []byte) (Index, error) {
	head := len(magic) + 16
	if len(raw) < head+4 || string(raw[:len(magic)]) != magic || crc32.ChecksumIEEE(raw[:len(raw)-4]) != binary.BigEndian.Uint32(raw[len(raw)-4:]) {
		return Index{}, ErrDamaged
	}
	x := Index{Size: int64(binary.BigEndian.Uint64(raw[len(magic):]))}
	n := binary.BigEndian.Uint64(raw[len(magic)+8:])
	body := raw[head : len(raw)-4]
	if n > uint64(len(body)) || int(n)*blockBytes != len(body) {
		return Index{}, fmt.Errorf("%w: %d bytes for %d blocks", ErrDamaged, len(body), n)
	}
	x.Blocks = make([]Block, n)
	at := int64(0)
	for i := range x.Blocks {
		b, p := &x.Blocks[i], body[i*blockBytes:]
		for j, v := range [...]*int64{&b.Offset, &b.Size} {
			*v = int64(binary.BigEndian.Uint64(p[8*j:]))
		}
		b.First, b.Last = binary.BigEndian.Uint64(p[16:]), binary.BigEndian.Uint64(p[24:])
		b.From, b.To = int64(binary.BigEndian.Uint64(p[32:])), int64(binary.BigEndian.Uint64(p[40:]))
		copy(b.filter[:], p[48:])
		if b.Offset != at || b.Size <= 0 || b.Size > x.Size-at {
			return Index{}, fmt.Errorf("%w: block %d lies at %d", ErrDamaged, i, b.Offset)
		}
		at += b.Size
	}
	if at != x.Size {
		return Index{}, fmt.Errorf("%w: covers %d of %d bytes", ErrDamaged, at, x.Size)
	}
	return x, nil
}
