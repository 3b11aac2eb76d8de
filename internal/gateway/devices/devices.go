// Package devices keeps the book of paired devices, their scopes, tokens and
// open requests. It refuses to grant a scope that the approver lacks and keeps
// tokens only as hashes.
package devices

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Limits of a Book.
const (
	PendingExpiry = 5 * time.Minute
	KeyExpiry     = 30 * 24 * time.Hour // of a browser registered by a link
	maxPending    = 64
	maxDevices    = 256
	maxName       = 64
)

// Errors of a Book; each means that nothing changed.
var (
	ErrUnknown = errors.New("devices: no such device or request")
	ErrScope   = errors.New("devices: nobody can grant a scope that they lack")
	ErrFull    = errors.New("devices: too many devices or open requests")
)

// Disk keeps the two documents of a Book, "paired.json" and "pending.json", at
// <state>/devices. Read returns nil, nil for an absent one; Write replaces
// atomically with mode 0600.
type Disk interface {
	Read(name string) ([]byte, error)
	Write(name string, b []byte) error
}

// How a device came into the book.
const (
	ByLoopback = "loopback" // with the right credential on this machine
	ByLink     = "link"     // a single-use sign-in link; its key alone signs it in
	ByApproval = "approved" // an operator said yes
)

// Device is a paired device. Times are milliseconds since 1970.
type Device struct {
	ID           claw.DeviceID    `json:"deviceId"`
	PublicKey    string           `json:"publicKey"`
	DisplayName  string           `json:"displayName,omitempty"`
	Platform     string           `json:"platform,omitempty"`
	DeviceFamily string           `json:"deviceFamily,omitempty"`
	ClientID     string           `json:"clientId,omitempty"`
	ClientMode   string           `json:"clientMode,omitempty"`
	Roles        []string         `json:"roles"`
	Scopes       []wire.Scope     `json:"scopes"`
	RemoteIP     string           `json:"remoteIp,omitempty"`
	Tokens       map[string]Token `json:"tokens,omitempty"` // by role
	CreatedAtMs  int64            `json:"createdAtMs"`
	ApprovedAtMs int64            `json:"approvedAtMs"`
	By           string           `json:"approvedVia,omitempty"`
	ExpiresAtMs  int64            `json:"expiresAtMs,omitempty"`
	ConfirmedMs  int64            `json:"confirmedAtMs,omitempty"`
	LastSeenAtMs int64            `json:"lastSeenAtMs,omitempty"`
}

// Token is a device token at rest.
type Token struct {
	Role        string       `json:"role"`
	Scopes      []wire.Scope `json:"scopes"`
	Hash        string       `json:"sha256,omitempty"`
	CreatedAtMs int64        `json:"createdAtMs"`
	RotatedAtMs int64        `json:"rotatedAtMs,omitempty"`
	RevokedAtMs int64        `json:"revokedAtMs,omitempty"`
}

// Pending is a request that waits for an operator.
type Pending struct {
	RequestID    string        `json:"requestId"`
	Device       claw.DeviceID `json:"deviceId"`
	PublicKey    string        `json:"publicKey"`
	DisplayName  string        `json:"displayName,omitempty"`
	Platform     string        `json:"platform,omitempty"`
	DeviceFamily string        `json:"deviceFamily,omitempty"`
	ClientID     string        `json:"clientId,omitempty"`
	ClientMode   string        `json:"clientMode,omitempty"`
	Role         string        `json:"role"`
	Scopes       []wire.Scope  `json:"scopes"`
	RemoteIP     string        `json:"remoteIp,omitempty"`
	Repair       bool          `json:"isRepair,omitempty"` // the device is paired and asks for more
	TS           int64         `json:"ts"`
}

// Book is safe for concurrent use. Every change is on disk before it counts.
type Book struct {
	disk   Disk
	now    func() time.Time
	random io.Reader

	mu      sync.Mutex
	paired  map[claw.DeviceID]*Device
	pending map[string]*Pending
	seen    map[claw.DeviceID]int64 // last seen, in memory until the next write
}

type pairedFile struct {
	Version int       `json:"version"`
	Devices []*Device `json:"devices"`
}

type pendingFile struct {
	Version  int        `json:"version"`
	Requests []*Pending `json:"requests"`
}

// Open reads the book. A document that cannot be read stops the start: an
// empty book would silently forget revocations.
func Open(disk Disk, now func() time.Time, random io.Reader) (*Book, error) {
	b := &Book{disk: disk, now: now, random: random, paired: map[claw.DeviceID]*Device{}, pending: map[string]*Pending{}, seen: map[claw.DeviceID]int64{}}
	var paired pairedFile
	if err := b.read("paired.json", &paired); err != nil {
		return nil, err
	}
	for i, d := range paired.Devices {
		if d == nil {
			return nil, fmt.Errorf("devices: paired.json: devices[%d] is null, expected a device", i)
		}
		if !matches(d.ID, d.PublicKey) {
			return nil, fmt.Errorf("devices: paired.json: device %q does not match its public key", d.ID)
		}
		b.paired[d.ID] = d
	}
	var pending pendingFile
	if err := b.read("pending.json", &pending); err != nil {
		return nil, err
	}
	for i, p := range pending.Requests {
		if p == nil || p.RequestID == "" {
			return nil, fmt.Errorf("devices: pending.json: requests[%d] has no id", i)
		}
		if !matches(p.Device, p.PublicKey) {
			return nil, fmt.Errorf("devices: pending.json: request %q does not match its public key", p.RequestID)
		}
		b.pending[p.RequestID] = p
	}
	return b, nil
}

func matches(id claw.DeviceID, publicKey string) bool {
	key, ok := wire.ParsePublicKey(publicKey)
	return ok && wire.DeviceIDOf(key) == id
}

func (b *Book) read(name string, v any) error {
	raw, err := b.disk.Read(name)
	if err != nil {
		return fmt.Errorf("devices: %s: %w", name, err)
	}
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("devices: %s: %w", name, err)
	}
	return nil
}

// Get returns a copy of a paired device whose key has not expired.
func (b *Book) Get(id claw.DeviceID) (Device, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, ok := b.paired[id]
	if !ok || d.ExpiresAtMs != 0 && b.now().UnixMilli() >= d.ExpiresAtMs {
		return Device{}, false
	}
	return d.clone(), true
}

func (d *Device) clone() Device {
	c := *d
	c.Scopes, c.Roles, c.Tokens = slices.Clone(d.Scopes), slices.Clone(d.Roles), map[string]Token{}
	for role, t := range d.Tokens {
		c.Tokens[role] = t
	}
	return c
}

// List returns all devices and open requests, oldest first.
func (b *Book) List() ([]Device, []Pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expireLocked()
	devices := make([]Device, 0, len(b.paired))
	for _, d := range b.paired {
		c := d.clone()
		c.LastSeenAtMs = max(c.LastSeenAtMs, b.seen[d.ID])
		devices = append(devices, c)
	}
	sort.Slice(devices, func(i, j int) bool {
		if devices[i].CreatedAtMs != devices[j].CreatedAtMs {
			return devices[i].CreatedAtMs < devices[j].CreatedAtMs
		}
		return devices[i].ID < devices[j].ID
	})
	pending := make([]Pending, 0, len(b.pending))
	for _, p := range b.pending {
		pending = append(pending, *p)
	}
	sort.Slice(pending, func(i, j int) bool {
		if pending[i].TS != pending[j].TS {
			return pending[i].TS < pending[j].TS
		}
		return pending[i].RequestID < pending[j].RequestID
	})
	return devices, pending
}

// Seen notes that a device connected; it reaches the disk with the next change.
func (b *Book) Seen(id claw.DeviceID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.paired[id]; ok {
		b.seen[id] = b.now().UnixMilli()
	}
}

// Pair enters a device with exactly the given scopes, replacing what the book
// knew of it.
func (b *Book) Pair(p Pending, scopes []wire.Scope, by string) (Device, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pairLocked(p, scopes, by)
}

func (b *Book) pairLocked(p Pending, scopes []wire.Scope, by string) (Device, error) {
	now := b.now().UnixMilli()
	old := b.paired[p.Device]
	if old == nil && len(b.paired) >= maxDevices && !b.dropExpiredLocked(now) {
		return Device{}, ErrFull
	}
	d := &Device{ID: p.Device, PublicKey: p.PublicKey, DisplayName: name(p.DisplayName), Platform: clip(p.Platform), DeviceFamily: clip(p.DeviceFamily),
		ClientID: clip(p.ClientID), ClientMode: clip(p.ClientMode), Roles: []string{p.Role}, Scopes: slices.Clone(scopes), RemoteIP: p.RemoteIP,
		CreatedAtMs: now, ApprovedAtMs: now, By: by, Tokens: map[string]Token{}}
	if by == ByLink {
		d.ExpiresAtMs, d.ConfirmedMs = now+KeyExpiry.Milliseconds(), now
	}
	if old != nil {
		d.CreatedAtMs = old.CreatedAtMs
		if old.DisplayName != "" {
			d.DisplayName = old.DisplayName
		}
		for role, t := range old.Tokens {
			t.Scopes = d.Scopes
			d.Tokens[role] = t
		}
	}
	b.paired[d.ID] = d
	if err := b.savePairedLocked(); err != nil {
		b.restoreLocked(p.Device, old)
		return Device{}, err
	}
	return d.clone(), nil
}

func (b *Book) restoreLocked(id claw.DeviceID, old *Device) {
	if old == nil {
		delete(b.paired, id)
		return
	}
	b.paired[id] = old
}

// dropExpiredLocked makes room by forgetting devices whose key ran out.
func (b *Book) dropExpiredLocked(now int64) bool {
	n := len(b.paired)
	for id, d := range b.paired {
		if d.ExpiresAtMs != 0 && now >= d.ExpiresAtMs {
			delete(b.paired, id)
		}
	}
	return len(b.paired) < n
}

// Ask leaves a request. A device has one open request: the same one keeps its
// id, a different one supersedes it.
func (b *Book) Ask(p Pending) (request Pending, superseded string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expireLocked()
	_, p.Repair = b.paired[p.Device]
	for id, old := range b.pending {
		if old.Device != p.Device {
			continue
		}
		if old.Role == p.Role && slices.Equal(old.Scopes, p.Scopes) {
			return *old, "", nil
		}
		delete(b.pending, id)
		superseded = id
	}
	if len(b.pending) >= maxPending {
		return Pending{}, superseded, ErrFull
	}
	if p.RequestID, err = b.randomHex(16); err != nil {
		return Pending{}, superseded, err
	}
	p.DisplayName, p.Platform, p.DeviceFamily = name(p.DisplayName), clip(p.Platform), clip(p.DeviceFamily)
	p.ClientID, p.ClientMode = clip(p.ClientID), clip(p.ClientMode)
	p.TS = b.now().UnixMilli()
	b.pending[p.RequestID] = &p
	if err := b.savePendingLocked(); err != nil {
		delete(b.pending, p.RequestID)
		return Pending{}, superseded, err
	}
	return p, superseded, nil
}

// Request returns an open request.
func (b *Book) Request(id string) (Pending, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expireLocked()
	p, ok := b.pending[id]
	if !ok {
		return Pending{}, fmt.Errorf("%w: %q", ErrUnknown, clip(id))
	}
	return *p, nil
}

// Approve pairs what was asked for. approver are the scopes of whoever
// approves: a scope they lack is ErrScope and the request stays open.
func (b *Book) Approve(requestID string, approver []wire.Scope) (Device, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expireLocked()
	p, ok := b.pending[requestID]
	if !ok {
		return Device{}, fmt.Errorf("%w: %q", ErrUnknown, clip(requestID))
	}
	scopes := slices.Clone(p.Scopes)
	if old, ok := b.paired[p.Device]; ok {
		for _, s := range old.Scopes {
			if !slices.Contains(scopes, s) {
				scopes = append(scopes, s)
			}
		}
	}
	if !wire.CoversAll(approver, p.Scopes) {
		return Device{}, ErrScope
	}
	d, err := b.pairLocked(*p, scopes, ByApproval)
	if err != nil {
		return Device{}, err
	}
	delete(b.pending, requestID)
	return d, b.savePendingLocked()
}

// Reject closes a request.
func (b *Book) Reject(requestID string) (Pending, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expireLocked()
	p, ok := b.pending[requestID]
	if !ok {
		return Pending{}, fmt.Errorf("%w: %q", ErrUnknown, clip(requestID))
	}
	delete(b.pending, requestID)
	return *p, b.savePendingLocked()
}

// Remove forgets a device with its tokens.
func (b *Book) Remove(id claw.DeviceID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.paired[id]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknown, clip(string(id)))
	}
	delete(b.paired, id)
	if err := b.savePairedLocked(); err != nil {
		b.paired[id] = old
		return err
	}
	return nil
}

// Rename sets the name that people see.
func (b *Book) Rename(id claw.DeviceID, to string) error {
	return b.change(id, func(d *Device) error {
		if name(to) == "" {
			return errors.New("devices: a name must not be empty")
		}
		d.DisplayName = name(to)
		return nil
	})
}

// Confirm notes that the person behind a device proved to be the operator.
func (b *Book) Confirm(id claw.DeviceID) error {
	return b.change(id, func(d *Device) error {
		d.ConfirmedMs = b.now().UnixMilli()
		return nil
	})
}

// Issue makes the token of a device for a role, or replaces it. scopes must
// lie within the device's. The token is returned once and kept as a hash.
func (b *Book) Issue(id claw.DeviceID, role string, scopes []wire.Scope) (token string, err error) {
	raw, err := b.randomHex(32)
	if err != nil {
		return "", err
	}
	err = b.change(id, func(d *Device) error {
		if !slices.Contains(d.Roles, role) {
			return fmt.Errorf("%w: role %q", ErrUnknown, clip(role))
		}
		if !wire.CoversAll(d.Scopes, scopes) {
			return ErrScope
		}
		now := b.now().UnixMilli()
		t := Token{Role: role, Scopes: slices.Clone(scopes), Hash: hashOf(raw), CreatedAtMs: now}
		if old, ok := d.Tokens[role]; ok {
			t.CreatedAtMs, t.RotatedAtMs = old.CreatedAtMs, now
		}
		d.Tokens[role] = t
		return nil
	})
	if err != nil {
		return "", err
	}
	return raw, nil
}

// Revoke makes the token of a role worthless.
func (b *Book) Revoke(id claw.DeviceID, role string) error {
	return b.change(id, func(d *Device) error {
		t, ok := d.Tokens[role]
		if !ok {
			return fmt.Errorf("%w: role %q", ErrUnknown, clip(role))
		}
		t.Hash, t.RevokedAtMs = "", b.now().UnixMilli()
		d.Tokens[role] = t
		return nil
	})
}

// Live reports whether a device has a token for role that is not revoked.
func (d Device) Live(role string) bool { return d.Tokens[role].Hash != "" }

// Revoked reports whether the token of a role was taken away.
func (d Device) Revoked(role string) bool { return d.Tokens[role].RevokedAtMs != 0 }

// Check compares a device token in constant time and returns its scopes.
func (b *Book) Check(id claw.DeviceID, role, token string) ([]wire.Scope, bool) {
	d, ok := b.Get(id)
	want := d.Tokens[role].Hash
	same := subtle.ConstantTimeCompare([]byte(hashOf(token)), []byte(want)) == 1
	if !ok || want == "" || token == "" || !same {
		return nil, false
	}
	return d.Tokens[role].Scopes, true
}

func (b *Book) change(id claw.DeviceID, f func(*Device) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.paired[id]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknown, clip(string(id)))
	}
	d := old.clone()
	if err := f(&d); err != nil {
		return err
	}
	b.paired[id] = &d
	if err := b.savePairedLocked(); err != nil {
		b.paired[id] = old
		return err
	}
	return nil
}

func (b *Book) expireLocked() {
	limit := b.now().Add(-PendingExpiry).UnixMilli()
	for id, p := range b.pending {
		if p.TS < limit {
			delete(b.pending, id)
		}
	}
}

func (b *Book) savePairedLocked() error {
	file := pairedFile{Version: 1, Devices: []*Device{}}
	for _, d := range b.paired {
		d.LastSeenAtMs = max(d.LastSeenAtMs, b.seen[d.ID])
		file.Devices = append(file.Devices, d)
	}
	sort.Slice(file.Devices, func(i, j int) bool { return file.Devices[i].ID < file.Devices[j].ID })
	return b.save("paired.json", file)
}

func (b *Book) savePendingLocked() error {
	file := pendingFile{Version: 1, Requests: []*Pending{}}
	for _, p := range b.pending {
		file.Requests = append(file.Requests, p)
	}
	sort.Slice(file.Requests, func(i, j int) bool { return file.Requests[i].RequestID < file.Requests[j].RequestID })
	return b.save("pending.json", file)
}

func (b *Book) save(file string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("devices: %s: %w", file, err)
	}
	if err := b.disk.Write(file, append(raw, '\n')); err != nil {
		return fmt.Errorf("devices: %s: %w", file, err)
	}
	return nil
}

func (b *Book) randomHex(n int) (string, error) {
	raw := make([]byte, n)
	if _, err := io.ReadFull(b.random, raw); err != nil {
		return "", fmt.Errorf("devices: random: %w", err)
	}
	if n == 32 {
		return base64.RawURLEncoding.EncodeToString(raw), nil
	}
	return hex.EncodeToString(raw), nil
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// name keeps what can be shown on one line.
func name(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff || r >= 0xe0000 {
			return -1
		}
		return r
	}, s)
	return clip(strings.TrimSpace(s))
}

func clip(s string) string {
	if len(s) <= maxName {
		return s
	}
	return strings.ToValidUTF8(s[:maxName], "")
}
