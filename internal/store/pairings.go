package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Pairings keeps who asked to be let in and who was, in upstream's files:
// credentials/<channel>-pairing.json and <channel>-allowFrom.json. It writes no
// list that holds "*", and a file that it cannot read it neither uses nor
// replaces.
type Pairings struct {
	dir string
	mu  *sync.Mutex
	may func() error // refuses to write
	// write puts a file there.
	write func(path string, b []byte) error
}

// PairingRequest is one sender who asks to be let in.
type PairingRequest struct {
	ID         claw.SenderID     `json:"id"`
	Code       string            `json:"code"`
	CreatedAt  time.Time         `json:"createdAt"`
	LastSeenAt time.Time         `json:"lastSeenAt"`
	Meta       map[string]string `json:"meta,omitempty"`
}

// Keys of PairingRequest.Meta.
const (
	MetaAccount  = "accountId"
	MetaUsername = "username"
	MetaName     = "name"
)

// Account that the request came through.
func (r PairingRequest) Account() claw.AccountID {
	if a := r.Meta[MetaAccount]; a != "" {
		return claw.AccountID(a)
	}
	return DefaultAccount
}

// DefaultAccount is the account of a channel that has no other.
const DefaultAccount claw.AccountID = "default"

// PairingBook is what a channel's pairing file holds.
type PairingBook struct {
	Requests []PairingRequest
	// Tries are the times at which a code was entered that nobody has.
	Tries []time.Time
}

// maxPairingFile bounds a pairing file.
const maxPairingFile = 1 << 20

// Pairings of this state. After Close nothing is written.
func (s *Store) Pairings() Pairings {
	return Pairings{dir: filepath.Join(s.opt.Dir, string(FolderCredentials)), mu: &sync.Mutex{}, may: func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return ErrClosed
		}
		return nil
	}, write: s.write}
}

// PairingsAt opens the pairings of a state directory whose gateway does not
// run; the caller makes sure of that.
func PairingsAt(dir string) Pairings {
	return Pairings{dir: filepath.Join(dir, string(FolderCredentials)), mu: &sync.Mutex{}, may: func() error { return nil }, write: func(path string, b []byte) error {
		if err := atomicfile.Write(path, b); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		return nil
	}}
}

// safeName is a channel's or account's name as upstream puts it into the name
// of a file.
func safeName(s string) string {
	s = strings.ReplaceAll(strings.ToLower(s), "..", "_")
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`\/:*?"<>|`, r) || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// AllowFiles are the documents with the paired senders of an account, the one
// that is written first; the default account has two names.
func AllowFiles(channel claw.ChannelID, account claw.AccountID) []string {
	own := safeName(string(channel)) + "-" + safeName(string(account)) + "-allowFrom.json"
	if account != "" && account != DefaultAccount {
		return []string{own}
	}
	return []string{safeName(string(channel)) + "-allowFrom.json", safeName(string(channel)) + "-default-allowFrom.json"}
}

func (p Pairings) bookPath(channel claw.ChannelID) string {
	return filepath.Join(p.dir, safeName(string(channel))+"-pairing.json")
}

// Read gives what a channel's pairing file holds.
func (p Pairings) Read(channel claw.ChannelID) (PairingBook, error) {
	var doc pairingFile
	if err := p.load(p.bookPath(channel), &doc, &doc.Version); err != nil {
		return PairingBook{}, err
	}
	return PairingBook{Requests: doc.Requests, Tries: doc.Tries}, nil
}

type pairingFile struct {
	Version  int              `json:"version"`
	Requests []PairingRequest `json:"requests"`
	Tries    []time.Time      `json:"failedCodes,omitempty"`
}

// Update changes a channel's pairing file by edit and gives what it holds
// then. An error of edit changes nothing.
func (p Pairings) Update(channel claw.ChannelID, edit func(*PairingBook) error) (PairingBook, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	book, err := p.Read(channel)
	if err != nil {
		return book, err
	}
	before, err := json.Marshal(book)
	if err != nil {
		return book, err
	}
	if err := edit(&book); err != nil {
		return book, err
	}
	after, err := json.Marshal(book)
	if err != nil || string(before) == string(after) {
		return book, err
	}
	if book.Requests == nil {
		book.Requests = []PairingRequest{}
	}
	return book, p.save(p.bookPath(channel), pairingFile{1, book.Requests, book.Tries})
}

type allowFile struct {
	Version   int      `json:"version"`
	AllowFrom []string `json:"allowFrom"`
}

// Allowed lists the paired senders of an account. "*" in a file is nobody.
func (p Pairings) Allowed(channel claw.ChannelID, account claw.AccountID) ([]string, error) {
	var out []string
	for _, name := range AllowFiles(channel, account) {
		doc, err := p.allow(name)
		if err != nil {
			return nil, err
		}
		for _, id := range doc.AllowFrom {
			id = strings.TrimPrefix(strings.TrimSpace(id), string(channel)+":")
			if id != "" && id != "*" && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

func (p Pairings) allow(name string) (allowFile, error) {
	var doc allowFile
	return doc, p.load(filepath.Join(p.dir, name), &doc, &doc.Version)
}

// Allow lets a sender in at an account. It reports whether that is new.
func (p Pairings) Allow(channel claw.ChannelID, account claw.AccountID, id claw.SenderID) (fresh bool, err error) {
	if id == "" || id == "*" {
		return false, fmt.Errorf("%w: sender %q", ErrName, id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	have, err := p.Allowed(channel, account)
	if err != nil || slices.Contains(have, string(id)) {
		return false, err
	}
	name := AllowFiles(channel, account)[0]
	doc, err := p.allow(name)
	if err != nil {
		return false, err
	}
	doc.AllowFrom = append(doc.AllowFrom, string(id))
	return true, p.save(filepath.Join(p.dir, name), doc.clean())
}

// Revoke takes a sender out of every list of an account. It reports whether
// there was one.
func (p Pairings) Revoke(channel claw.ChannelID, account claw.AccountID, id claw.SenderID) (found bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range AllowFiles(channel, account) {
		doc, err := p.allow(name)
		if err != nil {
			return found, err
		}
		kept := slices.DeleteFunc(slices.Clone(doc.AllowFrom), func(s string) bool {
			return strings.TrimPrefix(strings.TrimSpace(s), string(channel)+":") == string(id)
		})
		if len(kept) == len(doc.AllowFrom) {
			continue
		}
		doc.AllowFrom = kept
		if err := p.save(filepath.Join(p.dir, name), doc.clean()); err != nil {
			return found, err
		}
		found = true
	}
	return found, nil
}

func (d allowFile) clean() allowFile {
	d.Version = 1
	d.AllowFrom = slices.DeleteFunc(d.AllowFrom, func(s string) bool { return strings.TrimSpace(s) == "*" })
	if d.AllowFrom == nil {
		d.AllowFrom = []string{}
	}
	return d
}

func (p Pairings) load(path string, into any, version *int) error {
	b, err := atomicfile.Read(path, maxPairingFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("store: %s: %w", filepath.Base(path), err)
	}
	if *version > 1 {
		return fmt.Errorf("store: %s: found version %d, expected 1", filepath.Base(path), *version)
	}
	return nil
}

func (p Pairings) save(path string, doc any) error {
	if err := p.may(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(p.dir); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return p.write(path, append(b, '\n'))
}
