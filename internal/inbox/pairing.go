package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/store"
)

// Bounds of pairing (R56).
const (
	PairingLife    = time.Hour // of a code
	PairingPending = 3         // of one account
	// PairingPerSender and PairingPerDay bound the requests that are made in
	// a day, of one sender and of all of an account.
	PairingPerSender = 3
	PairingPerDay    = 50
	// PairingTries are the wrong codes of a channel in an hour.
	PairingTries = 5
	// pairingSenders bounds what is remembered of senders.
	pairingSenders = 4096
)

// codeAlphabet has no letter that looks like another; 32 of them are 5 bits.
const codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

const codeLength = 8

// Errors of pairing. Nobody was let in.
var (
	ErrCode  = errors.New("pairing: no request waits under that code")
	ErrTries = errors.New("pairing: too many codes that nobody has")
	ErrWhom  = errors.New("pairing: nobody was let in under that id")
)

// PairingOptions of a Pairing. All are required.
type PairingOptions struct {
	Files   store.Pairings
	Journal Journal
	Now     func() time.Time
	Rand    io.Reader
}

// Pairing lets people in, one at a time, by a word of the operator's. It makes
// nobody an owner and counts in no group.
type Pairing struct {
	opt PairingOptions

	mu    sync.Mutex
	days  map[account]*pairingDay
	lists map[account]pairedList
}

type account struct {
	channel claw.ChannelID
	id      claw.AccountID
}

func accountOf(channel claw.ChannelID, id claw.AccountID) account {
	if id == "" {
		id = store.DefaultAccount
	}
	return account{channel, id}
}

// pairingDay is what strangers did at one account today.
type pairingDay struct {
	day     string
	made    int
	senders map[claw.SenderID]*senderDay
}

type senderDay struct {
	made int
	told bool
}

// pairedList is a list of paired senders as it was read last.
type pairedList struct {
	ids []string
	err error
	at  time.Time
}

// listAge is how old a list may be: somebody may have edited its file.
const listAge = 2 * time.Second

// NewPairing makes a pairing desk.
func NewPairing(o PairingOptions) *Pairing {
	return &Pairing{opt: o, days: map[account]*pairingDay{}, lists: map[account]pairedList{}}
}

// Paired lists whom the store lets in at an account. When it cannot be read
// that is nobody.
func (p *Pairing) Paired(channel claw.ChannelID, id claw.AccountID) ([]string, error) {
	at, now := accountOf(channel, id), p.opt.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.lists[at]
	if !ok || now.Sub(l.at) > listAge || now.Before(l.at) {
		l = pairedList{at: now}
		l.ids, l.err = p.opt.Files.Allowed(at.channel, at.id)
		p.lists[at] = l
	}
	return l.ids, l.err
}

// Request is somebody who asks to be let in.
type Request struct {
	Channel  claw.ChannelID
	Account  claw.AccountID
	Sender   claw.SenderID
	Name     string
	Username string
}

// Asked is what became of a request.
type Asked struct {
	Code string
	// Tell: the sender is to be told, which happens once a day.
	Tell bool
}

// Ask enters a request, unless one of the sender's waits or a bound is
// reached; then nothing is written and nobody is told.
func (p *Pairing) Ask(ctx context.Context, r Request) (Asked, error) {
	at := accountOf(r.Channel, r.Account)
	if !admission.StableID(string(r.Sender)) {
		return Asked{}, fmt.Errorf("%w: sender %q", ErrSender, r.Sender)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opt.Now()
	day := p.today(at, now)
	s := day.senders[r.Sender]
	if s != nil && s.made >= PairingPerSender || day.made >= PairingPerDay || s == nil && len(day.senders) >= pairingSenders {
		return Asked{}, nil
	}
	var out Asked
	_, err := p.opt.Files.Update(at.channel, func(b *store.PairingBook) error {
		b.Requests = live(b.Requests, now)
		for _, q := range b.Requests {
			if q.ID == r.Sender && q.Account() == at.id {
				return nil // it waits already
			}
		}
		code, err := p.code(b.Requests)
		if err != nil {
			return err
		}
		if _, err := p.opt.Journal.Append(ctx, journal.Entry{Event: journal.Pairing, Principal: r.principal(claw.Stranger), Data: pairingNote{What: "asked", Account: at.id}}); err != nil {
			return err
		}
		b.Requests = append(makeRoom(b.Requests, at.id), store.PairingRequest{ID: r.Sender, Code: code, CreatedAt: now.UTC(), LastSeenAt: now.UTC(), Meta: r.meta(at.id)})
		out.Code = code
		return nil
	})
	if err != nil || out.Code == "" {
		return Asked{}, err
	}
	if s == nil {
		s = &senderDay{}
		day.senders[r.Sender] = s
	}
	day.made++
	s.made++
	out.Tell, s.told = !s.told, true
	return out, nil
}

// today is what strangers did so far. The caller holds mu.
func (p *Pairing) today(at account, now time.Time) *pairingDay {
	day := now.UTC().Format(time.DateOnly)
	d := p.days[at]
	if d == nil || d.day != day {
		d = &pairingDay{day: day, senders: map[claw.SenderID]*senderDay{}}
		p.days[at] = d
	}
	return d
}

type pairingNote struct {
	What    string         `json:"what"`
	Account claw.AccountID `json:"account,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Whom    claw.SenderID  `json:"whom,omitempty"`
	Channel claw.ChannelID `json:"channel,omitempty"`
}

func (r Request) principal(s claw.Standing) claw.Principal {
	return claw.Principal{Surface: claw.SurfaceChannel, Standing: s, Channel: r.Channel, Account: r.Account, Sender: r.Sender}
}

// maxName bounds a name that is kept for people to read.
const maxName = 80

func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	r := []rune(s)
	if len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func (r Request) meta(id claw.AccountID) map[string]string {
	m := map[string]string{store.MetaAccount: string(id)}
	if r.Username != "" {
		m[store.MetaUsername] = clip(r.Username, maxName)
	}
	if r.Name != "" {
		m[store.MetaName] = clip(r.Name, maxName)
	}
	return m
}

// live are the requests whose code is still good.
func live(rs []store.PairingRequest, now time.Time) []store.PairingRequest {
	return slices.DeleteFunc(rs, func(r store.PairingRequest) bool {
		return now.Sub(r.CreatedAt) >= PairingLife || r.CreatedAt.Sub(now) > PairingLife
	})
}

// makeRoom drops the oldest requests of an account until one more fits.
func makeRoom(rs []store.PairingRequest, id claw.AccountID) []store.PairingRequest {
	for {
		oldest, n := -1, 0
		for i := range rs {
			if rs[i].Account() != id {
				continue
			}
			if n++; oldest < 0 || rs[i].CreatedAt.Before(rs[oldest].CreatedAt) {
				oldest = i
			}
		}
		if n < PairingPending {
			return rs
		}
		rs = slices.Delete(rs, oldest, oldest+1)
	}
}

// code makes one that no request has.
func (p *Pairing) code(have []store.PairingRequest) (string, error) {
	for {
		var b [codeLength]byte
		if _, err := io.ReadFull(p.opt.Rand, b[:]); err != nil {
			return "", fmt.Errorf("pairing: no randomness: %w", err)
		}
		for i := range b {
			b[i] = codeAlphabet[b[i]%byte(len(codeAlphabet))] // 32 divides 256
		}
		if !slices.ContainsFunc(have, func(r store.PairingRequest) bool { return r.Code == string(b[:]) }) {
			return string(b[:]), nil
		}
	}
}

// Pending lists the requests of a channel whose codes are good, oldest first.
func (p *Pairing) Pending(channel claw.ChannelID) ([]store.PairingRequest, error) {
	b, err := p.opt.Files.Read(channel)
	if err != nil {
		return nil, err
	}
	rs := live(b.Requests, p.opt.Now())
	slices.SortStableFunc(rs, func(a, b store.PairingRequest) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return rs, nil
}

// Find gives the request under a code, and counts a code that nobody has.
// After too many of these no code is looked at for a while. account "" is any.
func (p *Pairing) Find(channel claw.ChannelID, id claw.AccountID, code string) (store.PairingRequest, error) {
	var found store.PairingRequest
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opt.Now()
	locked, ok := false, false
	_, err := p.opt.Files.Update(channel, func(b *store.PairingBook) error {
		b.Tries = slices.DeleteFunc(b.Tries, func(t time.Time) bool { return now.Sub(t) >= time.Hour || t.After(now.Add(time.Hour)) })
		if locked = len(b.Tries) >= PairingTries; locked {
			return nil
		}
		if found, ok = pick(b.Requests, id, code, now); !ok {
			b.Tries = append(b.Tries, now.UTC())
		}
		return nil
	})
	switch {
	case err != nil:
		return store.PairingRequest{}, err
	case locked:
		return store.PairingRequest{}, fmt.Errorf("%w: %d within an hour on %q", ErrTries, PairingTries, channel)
	case !ok:
		return store.PairingRequest{}, fmt.Errorf("%w: %q on %q", ErrCode, code, channel)
	}
	return found, nil
}

func pick(rs []store.PairingRequest, id claw.AccountID, code string, now time.Time) (store.PairingRequest, bool) {
	code = strings.ToUpper(strings.TrimSpace(code))
	for _, r := range live(slices.Clone(rs), now) {
		if r.Code == code && code != "" && (id == "" || r.Account() == id) {
			return r, true
		}
	}
	return store.PairingRequest{}, false
}

// Approve lets the sender in whose request has the code: direct messages of
// this one account, and nothing else. The code is used up.
func (p *Pairing) Approve(ctx context.Context, channel claw.ChannelID, id claw.AccountID, code string, by claw.Principal) (store.PairingRequest, error) {
	return p.settle(ctx, channel, id, code, by, "approved", func(r store.PairingRequest) error {
		_, err := p.opt.Files.Allow(channel, r.Account(), r.ID)
		return err
	})
}

// Reject drops a request.
func (p *Pairing) Reject(ctx context.Context, channel claw.ChannelID, id claw.AccountID, code string, by claw.Principal) (store.PairingRequest, error) {
	return p.settle(ctx, channel, id, code, by, "rejected", func(store.PairingRequest) error { return nil })
}

// settle ends a request: the journal has it, the code is used up, then do.
func (p *Pairing) settle(ctx context.Context, channel claw.ChannelID, id claw.AccountID, code string, by claw.Principal, what string, do func(store.PairingRequest) error) (store.PairingRequest, error) {
	r, err := p.Find(channel, id, code)
	if err != nil {
		return r, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.opt.Journal.Append(ctx, journal.Entry{Event: journal.Pairing, Principal: by, Data: pairingNote{What: what, Account: r.Account(), Whom: r.ID, Channel: channel}}); err != nil {
		return r, err
	}
	gone := true
	if _, err := p.opt.Files.Update(channel, func(b *store.PairingBook) error {
		n := len(b.Requests)
		b.Requests = slices.DeleteFunc(b.Requests, func(q store.PairingRequest) bool { return q.Code == r.Code && q.ID == r.ID })
		gone = len(b.Requests) == n
		return nil
	}); err != nil {
		return r, err
	}
	if gone { // two answers at once: the first one counts
		return r, fmt.Errorf("%w: %q on %q", ErrCode, code, channel)
	}
	delete(p.lists, accountOf(channel, r.Account()))
	return r, do(r)
}

// Revoke takes a sender out of the pairing store. Lists of the configuration
// are the operator's own to change.
func (p *Pairing) Revoke(ctx context.Context, channel claw.ChannelID, id claw.AccountID, whom claw.SenderID, by claw.Principal) error {
	at := accountOf(channel, id)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.opt.Journal.Append(ctx, journal.Entry{Event: journal.Pairing, Principal: by, Data: pairingNote{What: "revoked", Account: at.id, Whom: whom, Channel: channel}}); err != nil {
		return err
	}
	delete(p.lists, at)
	found, err := p.opt.Files.Revoke(at.channel, at.id, whom)
	if err == nil && !found {
		return fmt.Errorf("%w: %q on %s/%s", ErrWhom, whom, at.channel, at.id)
	}
	return err
}
