package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a statement over the first Size entries, signed by the key of
// its epoch, which is gone afterwards: the next one is signed by the key that
// this one names. Checkpoint 0 is over nothing and signed by the root key.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   tlog.Hash
	Epoch  uint64
	Time   time.Time
	// Head is the hash of entry Size-1, zero when Size is 0.
	Head Hash
	// Edge restores the Tree at Size; Root follows from it.
	Edge []tlog.Hash
	// Marks are positions that a writer needs when it starts again.
	Marks []Mark
	// Next is the public key of the next epoch.
	Next string
}

// Mark is a named list of entry numbers.
type Mark struct {
	Name string
	Seqs []uint64
}

// Marked returns the numbers under name.
func (c Checkpoint) Marked(name string) []uint64 {
	for _, m := range c.Marks {
		if m.Name == name {
			return m.Seqs
		}
	}
	return nil
}

// Key is the private key of one epoch. Erase it after its one signature.
type Key struct {
	origin string
	hash   uint32
	public string
	seed   []byte
}

var _ note.Signer = (*Key)(nil)

// SeedSize is the number of random bytes that make a Key.
const SeedSize = ed25519.SeedSize

// NewKey makes the key of seed for the journal called origin. It keeps its own
// copy of the seed.
func NewKey(origin string, seed []byte) (*Key, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("chain: seed has %d bytes, expected %d", len(seed), SeedSize)
	}
	priv := ed25519.NewKeyFromSeed(seed)
	defer clear(priv)
	public, err := note.NewEd25519VerifierKey(origin, ed25519.PublicKey(priv[SeedSize:]))
	if err != nil {
		return nil, fmt.Errorf("chain: origin %q: %w", origin, err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("chain: origin %q: %w", origin, err)
	}
	return &Key{origin: origin, hash: v.KeyHash(), public: public, seed: bytes.Clone(seed)}, nil
}

// Public is the key's public half in the note format, with its origin.
func (k *Key) Public() string { return k.public }

// Name and KeyHash identify the key in a signature line.
func (k *Key) Name() string { return k.origin }

// KeyHash is the short identity of the key in a signature line.
func (k *Key) KeyHash() uint32 { return k.hash }

// Sign signs msg; after Erase it fails.
func (k *Key) Sign(msg []byte) ([]byte, error) {
	if k.seed == nil {
		return nil, errors.New("chain: this key is erased")
	}
	priv := ed25519.NewKeyFromSeed(k.seed)
	defer clear(priv)
	return ed25519.Sign(priv, msg), nil
}

// Erase overwrites the private half.
func (k *Key) Erase() {
	clear(k.seed)
	k.seed = nil
}

// Sign returns c as a signed note. c.Next must be a public key, and c.Root and
// c.Edge belong together.
func (c Checkpoint) Sign(k *Key) ([]byte, error) {
	t, ok := TreeAt(c.Size, c.Edge)
	if !ok || t.Root() != c.Root {
		return nil, fmt.Errorf("chain: checkpoint %d: root does not follow from its edge", c.Epoch)
	}
	if _, err := note.NewVerifier(c.Next); err != nil {
		return nil, fmt.Errorf("chain: checkpoint %d: next key: %w", c.Epoch, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\nepoch %d\ntime %s\nhead %s\n", c.Origin, c.Size, c.Root, c.Epoch, c.Time.UTC().Format(timeForm), c.Head)
	if len(c.Edge) > 0 {
		b.WriteString("edge")
		for _, h := range c.Edge {
			b.WriteString(" " + h.String())
		}
		b.WriteString("\n")
	}
	for _, m := range c.Marks {
		b.WriteString("mark " + m.Name)
		for _, s := range m.Seqs {
			b.WriteString(" " + strconv.FormatUint(s, 10))
		}
		b.WriteString("\n")
	}
	b.WriteString("next " + c.Next + "\n")
	return note.Sign(&note.Note{Text: b.String()}, k)
}

// ErrCheckpoint is wrapped by every error about a note that is no checkpoint
// of this journal: unreadable, or not signed by the expected key.
var ErrCheckpoint = errors.New("not a checkpoint of this journal")

// OpenCheckpoint reads a signed note and checks it with the one public key
// that may have signed it.
func OpenCheckpoint(msg []byte, public string) (Checkpoint, error) {
	v, err := note.NewVerifier(public)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("chain: public key %q: %w", public, err)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("chain: %w: %w", ErrCheckpoint, err)
	}
	for _, sig := range n.Sigs {
		// One signature has one spelling, so that the file has one form.
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("chain: %w: signature: %w", ErrCheckpoint, err)
		}
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("chain: %w: origin %q, expected %q", ErrCheckpoint, c.Origin, v.Name())
	}
	return c, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	bad := func(what string) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("chain: %w: %s", ErrCheckpoint, what)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 7 {
		return bad("too few lines")
	}
	var err error
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseUint(lines[1], 10, 63); err != nil {
		return bad("size is not a number")
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return bad("root is not a hash")
	}
	for _, l := range lines[3:] {
		name, value, _ := strings.Cut(l, " ")
		switch name {
		case "epoch":
			c.Epoch, err = strconv.ParseUint(value, 10, 63)
		case "time":
			c.Time, err = time.Parse(timeForm, value)
		case "head":
			if len(value) != hexLen || !unhex(&c.Head, []byte(value)) {
				err = errors.New("no hash")
			}
		case "edge":
			c.Edge, err = parseEdge(value)
		case "mark":
			var m Mark
			m, err = parseMark(value)
			c.Marks = append(c.Marks, m)
		case "next":
			c.Next = value
			_, err = note.NewVerifier(value)
		}
		if err != nil {
			return bad(name + ": " + err.Error())
		}
	}
	if t, ok := TreeAt(c.Size, c.Edge); !ok || t.Root() != c.Root {
		return bad("root does not follow from the edge")
	}
	if c.Next == "" {
		return bad("no next key")
	}
	return c, nil
}

func parseEdge(s string) ([]tlog.Hash, error) {
	var edge []tlog.Hash
	for f := range strings.FieldsSeq(s) {
		b, err := base64.StdEncoding.Strict().DecodeString(f)
		if err != nil || len(b) != len(tlog.Hash{}) {
			return nil, errors.New("no hash")
		}
		edge = append(edge, tlog.Hash(b))
	}
	return edge, nil
}

func parseMark(s string) (Mark, error) {
	f := strings.Fields(s)
	if len(f) == 0 {
		return Mark{}, errors.New("no name")
	}
	m := Mark{Name: f[0]}
	for _, n := range f[1:] {
		seq, err := strconv.ParseUint(n, 10, 63)
		if err != nil {
			return Mark{}, err
		}
		m.Seqs = append(m.Seqs, seq)
	}
	return m, nil
}

// maxNote bounds one signed note in a checkpoint file.
const maxNote = 1 << 20

// Notes splits a file of checkpoints, which is signed notes with an empty line
// after each, into its notes.
type Notes struct {
	r   *lineReader
	off int64
}

// NewNotes reads from r.
func NewNotes(r io.Reader) *Notes { return &Notes{r: newLineReader(r)} }

// Offset is the number of bytes up to the end of the last note that Next
// returned.
func (n *Notes) Offset() int64 { return n.off }

// Next returns the next note, io.EOF at the end, or io.ErrUnexpectedEOF when
// the file ends within one, as after a crash: half of it, or one with a hole of
// zero bytes that nothing follows.
func (n *Notes) Next() ([]byte, error) {
	start := n.off
	msg, err := n.read()
	if err != nil || bytes.IndexByte(msg, 0) < 0 {
		return msg, err
	}
	if _, err := n.read(); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		n.off = start
		return nil, io.ErrUnexpectedEOF
	}
	return msg, nil
}

func (n *Notes) read() ([]byte, error) {
	var msg []byte
	off, signed := n.off, false
	for {
		line, whole, err := n.r.next()
		if errors.Is(err, io.EOF) && len(msg) == 0 && len(line) == 0 {
			return nil, io.EOF
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if !whole {
			return nil, io.ErrUnexpectedEOF
		}
		off += int64(len(line)) + 1
		if len(line) == 0 && signed {
			n.off = off
			return msg, nil
		}
		signed = bytes.HasPrefix(line, []byte("— "))
		msg = append(append(msg, line...), '\n')
		if len(msg) > maxNote {
			return nil, fmt.Errorf("chain: %w: note is longer than %d bytes", ErrCheckpoint, maxNote)
		}
	}
}

// PeekCheckpoint reads a note without checking who signed it. It is for
// finding one's place; nothing it returns may be trusted.
func PeekCheckpoint(msg []byte) (Checkpoint, error) {
	text, _, ok := bytes.Cut(msg, []byte("\n\n"))
	if !ok {
		return Checkpoint{}, fmt.Errorf("chain: %w: no signature", ErrCheckpoint)
	}
	return parseCheckpoint(string(text) + "\n")
}
