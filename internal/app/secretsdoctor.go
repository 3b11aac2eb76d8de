package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// SecretCheckup is what the doctor saw.
type SecretCheckup struct {
	OK    bool            `json:"ok"`
	Lines []SecretFinding `json:"checks"`
}

// SecretFinding is one line of it. State is ok, look or broken.
type SecretFinding struct {
	State string `json:"state"`
	What  string `json:"what"`
	Hint  string `json:"hint,omitempty"`
}

func (c *SecretCheckup) say(state, hint, what string, args ...any) {
	c.OK = c.OK && state != "broken"
	c.Lines = append(c.Lines, SecretFinding{state, fmt.Sprintf(what, args...), hint})
}

// Doctor looks whether the store opens and what a person should see to.
func (d SecretDesk) Doctor(ctx context.Context, now time.Time) SecretCheckup {
	c := SecretCheckup{OK: true, Lines: []SecretFinding{}}
	l, err := d.Store.Check()
	var locked *vault.LockedError
	switch {
	case errors.Is(err, vault.ErrNoStore):
		c.say("ok", "openclaw secrets set NAME makes one", "there is no encrypted store")
	case errors.As(err, &locked):
		c.say("broken", locked.Hint(), "%s does not open", d.Paths.Short(locked.Path))
		for _, w := range locked.Why {
			c.say("look", "", "%s: %s", w.Custody, w.Why)
		}
	case errors.Is(err, vault.ErrOld):
		c.say("broken", "revoke what was removed or replaced since, then openclaw secrets accept", "%v", err)
	case err != nil:
		c.say("broken", "restore it from a backup", "%v", err)
	default:
		c.say("ok", "", "%d secrets open; generation %d; the key is in this place: %s", len(l.Secrets), l.Generation, l.Custody)
		for _, w := range l.Skipped {
			c.say("ok", "", "asked before, without a key: %s: %s", w.Custody, w.Why)
		}
		if l.Custody == vault.CustodyFile {
			c.say("look", "openclaw secrets key --passphrase", "whoever copies the state directory has the key beside the store")
		}
	}
	for _, u := range l.Undo {
		c.say("look", "openclaw secrets undo "+u.ID, "what migrate replaced in %s is kept until %s", strings.Join(u.Files, ", "), u.Expires.Format(time.DateOnly))
	}
	for _, path := range PlainCopies(d.Paths) {
		c.say("look", "look at it and remove it", "%s is an earlier copy that may hold credentials in the clear", d.Paths.Short(path))
	}
	d.rowsOfDoctor(ctx, now, &c)
	return c
}

func (d SecretDesk) rowsOfDoctor(ctx context.Context, now time.Time, c *SecretCheckup) {
	list, err := d.List(ctx, now)
	if err != nil {
		c.say("broken", "openclaw config validate", "the credentials could not be listed: %v", err)
		return
	}
	for _, r := range list.Secrets {
		switch {
		case r.Problem != "":
			c.say("broken", r.Hint, "%s (%s) has no value: %s", r.Name, strings.Join(r.Keys, ", "), r.Problem)
		case r.Source == "plain":
			c.say("look", "openclaw secrets migrate", "%s stands in the configuration in the clear", r.Name)
		case r.AgeDays == nil && r.Changed != nil:
			c.say("look", "look at the clock of this machine", "%s was changed in the future, on %s", r.Name, r.Changed.Format(time.DateOnly))
		case r.Due:
			c.say("look", "openclaw secrets rotate "+rotateName(r), "%s is %d days old", r.Name, *r.AgeDays)
		case r.Weak:
			c.say("look", "openclaw secrets rotate "+rotateName(r), "%s is weak: it cannot be masked where it turns up in text", r.Name)
		}
	}
}

// rotateName is what rotate calls a credential.
func rotateName(r SecretRow) string {
	for _, k := range r.Keys {
		if k == "gateway.auth.token" {
			return "gateway-token"
		}
	}
	return r.Name
}

// consoles are where keys are made and removed.
var consoles = []struct{ host, page string }{
	{"api.anthropic.com", "https://console.anthropic.com/settings/keys"},
	{"api.openai.com", "https://platform.openai.com/api-keys"},
	{"generativelanguage.googleapis.com", "https://aistudio.google.com/apikey"},
	{"openrouter.ai", "https://openrouter.ai/settings/keys"},
	{"telegram", "@BotFather, /revoke"},
	{"discord", "https://discord.com/developers/applications"},
	{"slack", "https://api.slack.com/apps"},
}

// RotationSteps are the guide's: a new key, a test call, the old one removed.
func RotationSteps(r SecretRow) []string {
	if rotateName(r) == "gateway-token" {
		return []string{"openclaw secrets rotate gateway-token does all of it"}
	}
	where := "at its provider"
	for _, c := range consoles {
		if strings.Contains(strings.ToLower(strings.Join(append(append([]string{r.Name}, r.Hosts...), r.Keys...), " ")), c.host) {
			where = "at " + c.page
			break
		}
	}
	steps := []string{"make a new key " + where}
	switch r.Source {
	case "store":
		steps[0] += ", then give it to openclaw secrets rotate " + r.Name
	case "plain":
		steps[0] += ", then openclaw secrets migrate, so that it is in the store from now on"
	default:
		steps[0] += ", then put it where it is now: " + r.Source + " " + r.Name
	}
	try := "try it: send a message that needs it"
	if len(r.Hosts) > 0 {
		try = "try it: openclaw agent --message hello"
	}
	return append(steps, try, "remove the old key "+where)
}

// Rotate replaces the value of a stored secret.
func (d SecretDesk) Rotate(ctx context.Context, name string, value vault.Secret) error {
	old, err := d.Store.Get(name)
	if err != nil {
		return err
	}
	if weakness(value) == vault.Weak {
		return ErrWeak
	}
	err = value.Use(func(b []byte) error {
		if old.Equal(b) {
			return fmt.Errorf("secrets: %q: the new value is the old one", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = d.change(ctx, "rotate", []string{name}, func(e *vault.Edit) error { return e.Set(name, value, vault.Strong) })
	return err
}

// KeyIsWrapped reports that the key of a home's store is under a passphrase.
func KeyIsWrapped(p configfile.Paths) bool {
	_, err := os.Lstat(filepath.Join(p.State, StoreKeySealed))
	return err == nil
}
