package channel

import (
	"context"
	"time"
)

// Backoff is how long to wait between tries: from Least, doubled each time, at
// most Most, and up to a tenth more by chance.
type Backoff struct {
	Least, Most time.Duration
	// Chance gives a number in [0,1); nil adds nothing.
	Chance func() float64

	n int
}

// Next wait.
func (b *Backoff) Next() time.Duration {
	d := b.Least
	for range b.n {
		if d *= 2; d >= b.Most {
			d = b.Most
			break
		}
	}
	b.n++
	if b.Chance != nil {
		d += time.Duration(b.Chance() * float64(d) / 10)
	}
	return d
}

// Reset begins anew after a success.
func (b *Backoff) Reset() { b.n = 0 }

// Sleep waits, or returns the error of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
