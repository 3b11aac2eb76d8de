package crash

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// soak makes the suites run whole; scripts/soak sets it.
var soak = flag.Bool("soak", false, "kill 500 times, and lose the power at every call")

const (
	childVar = "CRASH_CHILD" // "DIR FROM ROUNDS": this process is the child
	session  = claw.SessionKey("agent:main:crash")
	channel  = claw.ChannelID("telegram")
	secret   = "A_KEY"
)

func TestMain(m *testing.M) {
	if arg := os.Getenv(childVar); arg != "" {
		if err := child(arg); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func storeOf(dir string) *vault.Store {
	return vault.NewStore(vault.StoreOptions{Path: filepath.Join(dir, "vault.age"), Now: time.Now,
		Keys: vault.Keys{File: filepath.Join(dir, "vault.key"), Wrapped: filepath.Join(dir, "vault.key.age")}})
}

func pathsOf(dir string) configfile.Paths {
	return configfile.Paths{Home: dir, State: dir, Config: filepath.Join(dir, "openclaw.json")}
}

// value of a round: of another length each time.
func value(i int) string { return fmt.Sprintf("value-%06d-%s", i, strings.Repeat("x", i*37%400)) }

func sender(i int) claw.SenderID { return claw.SenderID(strconv.Itoa(700000 + i)) }

// child changes each kind of file once a round, and says on standard output
// what is done: what was said must survive.
func child(arg string) error {
	runtime.LockOSThread()
	var dir string
	var from, rounds int
	if _, err := fmt.Sscan(arg, &dir, &from, &rounds); err != nil {
		return err
	}
	st, err := store.Open(store.Options{Dir: dir, Now: time.Now})
	if err != nil {
		return err
	}
	for i := from; i < from+rounds; i++ {
		for _, step := range steps(dir, st, i) {
			if err := step.do(); err != nil {
				return fmt.Errorf("%s %d: %w", step.kind, i, err)
			}
			fmt.Fprintf(os.Stdout, "%s %d\n", step.kind, i)
		}
	}
	return st.Close()
}

type step struct {
	kind string
	do   func() error
}

// kinds in the order of a round.
var kinds = []string{"vault", "config", "pairing", "store"}

func steps(dir string, st *store.Store, i int) []step {
	return []step{
		{"vault", func() error {
			_, err := storeOf(dir).Change(func(e *vault.Edit) error { return e.Set(secret, vault.NewSecret([]byte(value(i))), vault.Strong) })
			return err
		}},
		{"config", func() error {
			path, err := json5.ParsePath("gateway.port")
			if err == nil {
				_, err = configfile.Set(pathsOf(dir), configfile.Options{}, path, strconv.Itoa(20000+i))
			}
			return err
		}},
		{"pairing", func() error { _, err := st.Pairings().Allow(channel, "default", sender(i)); return err }},
		{"store", func() error {
			raw, err := json.Marshal(map[string]any{"role": "user", "content": "message " + strconv.Itoa(i)})
			if err == nil {
				_, err = st.Append(session, store.Message{Raw: raw})
			}
			return err
		}},
	}
}

// prepare makes a home with round 0 in it.
func prepare(dir string) error {
	if err := store.SeedHome(dir); err != nil {
		return err
	}
	text, err := config.HomeText(config.Home{State: dir, Port: 20000})
	if err != nil {
		return err
	}
	if err := configfile.WriteAtomic(filepath.Join(dir, "openclaw.json"), []byte(text)); err != nil {
		return err
	}
	st, err := store.Open(store.Options{Dir: dir, Now: time.Now})
	if err != nil {
		return err
	}
	if _, err := st.Ensure(session, "main"); err != nil {
		return err
	}
	for _, s := range steps(dir, st, 0) {
		if err := s.do(); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s.kind, err), st.Close())
		}
	}
	return st.Close()
}

// state is the newest round that a home holds, of each kind.
type state map[string]int

// read opens everything as the program would. An error means that a file is
// neither the old nor the new one.
func read(dir string) (state, error) {
	out := state{}
	v, err := storeOf(dir).Get(secret)
	if err != nil {
		return nil, err
	}
	if err := v.Use(func(b []byte) error {
		n, err := strconv.Atoi(strings.SplitN(string(b), "-", 3)[1])
		if err != nil || string(b) != value(n) {
			return fmt.Errorf("the store gives a value that nobody wrote, of %d bytes", len(b))
		}
		out["vault"] = n
		return nil
	}); err != nil {
		return nil, err
	}
	l, err := configfile.Load(pathsOf(dir), configfile.Options{})
	if err == nil {
		err = l.Problems.Err()
	}
	if err != nil {
		return nil, err
	}
	out["config"] = l.Config.Gateway.Port.V - 20000
	allowed, err := store.PairingsAt(dir).Allowed(channel, "default")
	if err != nil {
		return nil, err
	}
	for i, id := range allowed {
		if id != string(sender(i)) {
			return nil, fmt.Errorf("pairing %d is %q, expected %q", i, id, sender(i))
		}
	}
	out["pairing"] = len(allowed) - 1
	st, err := store.Open(store.Options{Dir: dir, Now: time.Now})
	if err != nil {
		return nil, err
	}
	h, err := st.History(session, store.Page{Limit: 1 << 20})
	if err = errors.Join(err, st.Close()); err != nil {
		return nil, err
	}
	for i, e := range h.Entries {
		if want := `"message ` + strconv.Itoa(i) + `"`; !strings.Contains(string(e.Raw), want) {
			return nil, fmt.Errorf("message %d is %s, expected %s", i, e.Raw, want)
		}
	}
	out["store"] = len(h.Entries) - 1
	return out, nil
}

// holds compares what is there with what was said to be done: that, or the
// step after it.
func (s state) holds(said state, atLeast func(kind string) bool) error {
	for _, k := range kinds {
		if s[k] > said[k]+1 || s[k] < said[k] && atLeast(k) || s[k] < 0 {
			return fmt.Errorf("%s is at %d, said was %d", k, s[k], said[k])
		}
	}
	return nil
}

// saidIn reads the child's words.
func saidIn(text string, from int) state {
	out := state{}
	for _, k := range kinds {
		out[k] = from - 1
	}
	for line := range strings.Lines(text) {
		var k string
		var n int
		if _, err := fmt.Sscan(line, &k, &n); err == nil && strings.HasSuffix(line, "\n") {
			out[k] = n
		}
	}
	return out
}

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(store.Options{Dir: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return st
}
