package vault

import (
	"crypto/sha256"
	"sync"
)

// Live is the list of secrets that are in use, for redaction by value. It is
// safe for concurrent use; the zero Live is empty and ready.
type Live struct {
	mu      sync.Mutex
	secrets []Secret
	seen    map[[sha256.Size]byte]bool
	gen     uint64
}

// Add puts secrets on the list. A secret that was replaced stays on it, since
// it may still stand in text.
func (l *Live) Add(secrets ...Secret) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range secrets {
		if s.Empty() {
			continue
		}
		h := sha256.Sum256(s.reveal())
		if l.seen[h] {
			continue
		}
		if l.seen == nil {
			l.seen = map[[sha256.Size]byte]bool{}
		}
		l.seen[h] = true
		l.secrets = append(l.secrets, s)
		l.gen++
	}
}

// Generation grows with every new secret, so that a reader knows when to build
// its redactor again.
func (l *Live) Generation() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gen
}

// Each calls f with every value. f may keep what it needs to recognise the
// value and must not write it anywhere.
func (l *Live) Each(f func(value []byte)) {
	l.mu.Lock()
	secrets := append([]Secret(nil), l.secrets...)
	l.mu.Unlock()
	for _, s := range secrets {
		f(s.reveal())
	}
}
