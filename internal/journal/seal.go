package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// SealPosture records hash as the posture that an operator accepted, with a
// summary (a JSON object) from which it can be shown and kept in force. It
// returns once the seal is signed, so that no restart can go behind it (R07).
func (j *Journal) SealPosture(ctx context.Context, by claw.Principal, hash string, summary json.RawMessage) (Pos, error) {
	if hash == "" {
		return 0, fmt.Errorf("journal: seal: the posture's hash is empty")
	}
	rec, err := j.prepareOwn(PostureSeal, sealData{Hash: hash, Summary: summary})
	if err != nil {
		return 0, err
	}
	if len(rec.Data) > MaxData {
		return 0, fmt.Errorf("%w: the posture's summary has %d bytes, at most %d fit", ErrTooLarge, len(rec.Data), MaxData)
	}
	rec.Principal = by
	rec.Principal.Name = j.clean(by.Name)
	j.mu.Lock()
	b, seq, err := j.enqueueLocked(&rec, false)
	j.mu.Unlock()
	if err != nil {
		return 0, err
	}
	j.poke()
	<-b.done
	if b.err != nil {
		return 0, b.err
	}
	j.mu.Lock()
	if Pos(seq) > j.sealed.At || j.sealed.Hash == "" {
		j.sealed = Seal{Hash: hash, Summary: slices.Clone(summary), At: Pos(seq)}
	}
	j.mu.Unlock()
	if err := j.Checkpoint(ctx); err != nil {
		return 0, err
	}
	return Pos(seq), nil
}

// LastSealed returns the last accepted posture; false when none was ever
// accepted, and then the first one found may be.
func (j *Journal) LastSealed() (Seal, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sealed, j.sealed.Hash != ""
}
