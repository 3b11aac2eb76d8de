package chain

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// BundleForm is the value of a Bundle's field form.
const BundleForm = "openclaw-journal-proof/1"

// Bundle is a proof with all the checkpoints that lead to the one it ends at:
// with the journal's first public key, a third party needs nothing else.
type Bundle struct {
	Form        string `json:"form"`
	Proof       Proof  `json:"proof"`
	Checkpoints string `json:"checkpoints"`
}

// maxBundle bounds a bundle's bytes.
const maxBundle = 1 << 30

// ReadBundle reads what Bundle marshals to. Nothing of it is checked yet.
func ReadBundle(r io.Reader) (Bundle, error) {
	var b Bundle
	d := json.NewDecoder(io.LimitReader(r, maxBundle))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return Bundle{}, fmt.Errorf("chain: a proof: %w", err)
	}
	if b.Form != BundleForm {
		return Bundle{}, fmt.Errorf("chain: a proof of form %q, expected %q", b.Form, BundleForm)
	}
	return b, nil
}

// Verify checks the proof from the first public key on. It returns the entry
// that is proven and the checkpoint that proves it.
func (b Bundle) Verify(root string) (Entry, Checkpoint, error) {
	return verifyProof(b.Proof, strings.NewReader(b.Checkpoints), root)
}
