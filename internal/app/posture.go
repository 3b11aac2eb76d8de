package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// holder keeps the posture in force. A stricter file applies at once, a looser
// one waits for an operator's word, a broken one changes nothing (R07, R52).
type holder struct {
	app *App

	mu      sync.Mutex
	cfg     *config.Config
	post    posture.Posture
	pending *Proposal
	// problem says why the file on disk is not what is in force.
	problem string
	seen    seen
}

// Proposal is a posture that waits for an operator.
type Proposal struct {
	Changes []posture.Change `json:"changes"`
	Hash    string           `json:"hash"`

	cfg  *config.Config
	post posture.Posture
}

func (h *holder) now() posture.Posture {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.post
}

func (h *holder) config() *config.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg
}

// rules in force for an agent.
func (h *holder) rules(id claw.AgentID) (policy.Rules, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.post.Agent(id)
	return a.Rules, ok
}

// notInForce tells why the file on disk does not hold; "" when it does.
func (h *holder) notInForce() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problem
}

// proposal that waits; nil when none does.
func (h *holder) proposal() *Proposal {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pending
}

// World is what configurations of a home are seen from.
func World(p configfile.Paths) posture.World {
	w := posture.World{Home: p.Home, State: p.State, Config: p.Config, Resolve: resolveDir, Port: p.DefaultPort, Credentials: allCredentials}
	if p.Port.Set {
		w.Port = p.Port.V
	}
	return w
}

// resolveDir follows the links of the part of a path that exists.
func resolveDir(dir string) string {
	rest := ""
	for at := dir; ; {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(at)
		if parent == at {
			return dir
		}
		rest = filepath.Join(filepath.Base(at), rest)
		at = parent
	}
}

// acceptedPath holds the posture that an operator accepted last; its hash is
// sealed in the journal.
func acceptedPath(p configfile.Paths) string { return filepath.Join(p.State, "posture.json") }

const maxAccepted = 16 << 20

// start puts the first posture in force. accept is the operator's word given
// with the command; without it a file that is looser than the sealed posture
// is held back.
func (h *holder) start(ctx context.Context, l *configfile.Loaded, accept Acceptance, by claw.Principal) error {
	next := posture.Of(l.Config, World(h.app.paths))
	h.cfg = l.Config
	h.look(l, nil)
	same, err := h.isAccepted(next)
	if err != nil {
		return err
	}
	if same {
		h.post = next
		return nil
	}
	old, sealed, err := h.accepted()
	if err != nil {
		return err
	}
	if !sealed || accept == AcceptLooser {
		h.post = next
		if accept == AcceptLooser {
			if err := h.note(ctx, configNote{What: "written", Hash: l.Hash, by: by}); err != nil {
				return err
			}
		}
		return h.seal(ctx, next, by)
	}
	changes := posture.Loosens(old, next)
	if len(changes) == 0 {
		h.post = next
		if old.Generation == next.Generation {
			return nil
		}
		return h.seal(ctx, next, by)
	}
	// The last accepted rules stay; where its secrets are, the file says.
	old.Gateway.Token, old.Gateway.Password = next.Gateway.Token, next.Gateway.Password
	h.post = old
	h.pending = &Proposal{Changes: changes, Hash: l.Hash, cfg: l.Config, post: next}
	h.problem = fmt.Sprintf("the file loosens %d rule(s) and waits for openclaw config accept; the last accepted rules are in force", len(changes))
	return h.note(ctx, h.seenOutside("held", l, nil, changes))
}

// Acceptance is an operator's word about a looser configuration.
type Acceptance uint8

// Acceptances. The zero value holds a looser file back.
const (
	HoldLooser Acceptance = iota
	AcceptLooser
)

// accepted reads the posture that the journal's seal covers. sealed is false
// when nobody ever accepted one.
func (h *holder) accepted() (p posture.Posture, sealed bool, err error) {
	seal, ok := h.app.journal.LastSealed()
	if !ok {
		return p, false, nil
	}
	return readAccepted(h.app.paths, seal.Hash)
}

// isAccepted reports whether p is to the letter what was accepted last: then
// nothing loosens, and there is nothing to seal again.
func (h *holder) isAccepted(p posture.Posture) (bool, error) {
	seal, ok := h.app.journal.LastSealed()
	if !ok {
		return false, nil
	}
	data, err := encodeAccepted(p)
	if err != nil || hashOf(data) != seal.Hash {
		return false, err
	}
	// A file that is gone or was changed is for accepted to tell of.
	there, err := atomicfile.Read(acceptedPath(h.app.paths), maxAccepted)
	return err == nil && bytes.Equal(there, data), nil
}

// encodeAccepted is an accepted posture as its file holds it.
func encodeAccepted(p posture.Posture) ([]byte, error) { return json.MarshalIndent(p, "", " ") }

// readAccepted reads the accepted posture and checks it against its seal.
func readAccepted(paths configfile.Paths, hash string) (p posture.Posture, sealed bool, err error) {
	data, err := atomicfile.Read(acceptedPath(paths), maxAccepted)
	if err != nil {
		return p, true, fmt.Errorf("the accepted posture cannot be read: %w", err)
	}
	if got := hashOf(data); got != hash {
		return p, true, &HintError{Err: fmt.Errorf("%s is not the posture that was sealed in the journal", acceptedPath(paths)),
			Advice: "somebody changed or restored it; look at openclaw journal tail, then accept the configuration anew with openclaw up --accept"}
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, true, fmt.Errorf("%s: %w", acceptedPath(paths), err)
	}
	return p, true, nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// seal writes a posture down as accepted and has the journal sign it.
func (h *holder) seal(ctx context.Context, p posture.Posture, by claw.Principal) error {
	data, err := encodeAccepted(p)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(acceptedPath(h.app.paths), data); err != nil {
		return err
	}
	summary, err := json.Marshal(map[string]any{"generation": p.Generation, "agents": len(p.Agents)})
	if err != nil {
		return err
	}
	_, err = h.app.journal.SealPosture(ctx, by, hashOf(data), summary)
	return err
}

// reload looks at the file again.
func (h *holder) reload(ctx context.Context, l *configfile.Loaded, loadErr error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.look(l, loadErr)
	if loadErr == nil {
		loadErr = l.Problems.Err()
	}
	if loadErr != nil {
		h.problem = "the file does not load, the last good configuration is in force: " + firstLine(loadErr.Error())
		return h.note(ctx, h.seenOutside("broken", l, nil, nil))
	}
	next := posture.Of(l.Config, World(h.app.paths))
	changes := posture.Loosens(h.post, next)
	if len(changes) > 0 {
		h.pending = &Proposal{Changes: changes, Hash: l.Hash, cfg: l.Config, post: next}
		h.problem = fmt.Sprintf("the file loosens %d rule(s) and waits for openclaw config accept", len(changes))
		return h.note(ctx, h.seenOutside("held", l, config.Changed(h.cfg, l.Config), changes))
	}
	return h.apply(ctx, l.Config, next, h.seenOutside("applied", l, nil, nil))
}

// accept puts the waiting posture in force, by an operator's word. hash names
// the file that was shown; another one is not accepted.
func (h *holder) accept(ctx context.Context, hash string, by claw.Principal) ([]posture.Change, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending == nil {
		return nil, errNothingWaits
	}
	if hash != "" && hash != h.pending.Hash {
		return nil, errors.New("the file changed since it was shown; look at it again")
	}
	p := h.pending
	return p.Changes, h.apply(ctx, p.cfg, p.post, configNote{What: "applied", Hash: p.Hash, by: by})
}

// adopt puts a file in force that an operator's own act has just written.
func (h *holder) adopt(ctx context.Context, l *configfile.Loaded, by claw.Principal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.look(l, nil)
	return h.apply(ctx, l.Config, posture.Of(l.Config, World(h.app.paths)), configNote{What: "applied", Hash: l.Hash, by: by})
}

var errNothingWaits = errors.New("no configuration waits to be accepted")

// apply seals a posture, then puts it in force. The caller holds mu.
func (h *holder) apply(ctx context.Context, c *config.Config, p posture.Posture, n configNote) error {
	n.Keys = config.Changed(h.cfg, c)
	if p.Generation != h.post.Generation {
		if err := h.seal(ctx, p, n.by); err != nil {
			return err
		}
	}
	if err := h.note(ctx, n); err != nil {
		return err
	}
	h.cfg, h.post, h.pending, h.problem = c, p, nil, ""
	// Runs that go on are held to the new rules too, once this one is through.
	h.app.wg.Go(func() { h.app.proxies.recheck(h.app.life, "") })
	return nil
}

// configNote is what the journal says of a change of the configuration: what
// became of it, whose it was or whose file it stood in, and which keys.
type configNote struct {
	What    string   `json:"what"`
	Changes []string `json:"changes,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	Hash    string   `json:"hash,omitempty"`
	File    string   `json:"file,omitempty"`

	by claw.Principal
}

// seenOutside is a note of a change that was found in the file.
func (h *holder) seenOutside(what string, l *configfile.Loaded, keys []string, changes []posture.Change) configNote {
	n := configNote{What: what, Keys: keys, File: whose(h.app.paths.Config, h.app.paths.Short(h.app.paths.Config))}
	if l != nil {
		n.Hash = l.Hash
	}
	for _, c := range changes {
		n.Changes = append(n.Changes, c.String())
	}
	return n
}

func (h *holder) note(ctx context.Context, n configNote) error {
	_, err := h.app.journal.Append(ctx, journal.Entry{Event: journal.ConfigChange, Principal: n.by, Data: n})
	return err
}

// HintError is an error with what a person can do about it.
type HintError struct {
	Err    error
	Advice string
}

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// Hint is what a person can do.
func (e *HintError) Hint() string { return e.Advice }

func firstLine(s string) string {
	for i, r := range s {
		if r == '\n' {
			return s[:i]
		}
	}
	return s
}

// LooserThanSealed compares a file with the posture that was accepted last,
// without a gateway. It returns nil when nothing was ever accepted.
func LooserThanSealed(p configfile.Paths, c *config.Config) ([]posture.Change, error) {
	old, err := acceptedPosture(p)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return posture.Loosens(old, posture.Of(c, World(p))), nil
}

// acceptedPosture is the posture that was accepted last. os.ErrNotExist is
// wrapped when none was.
func acceptedPosture(p configfile.Paths) (posture.Posture, error) {
	var old posture.Posture
	data, err := atomicfile.Read(acceptedPath(p), maxAccepted)
	if err != nil {
		return old, err
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return old, fmt.Errorf("%s: %w", acceptedPath(p), err)
	}
	return old, nil
}
