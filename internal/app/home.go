package app

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/store"
)

// marker is home.json: it makes a home ours.
type marker struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// RunUID and RunGID are what commands run as when the gateway is root.
	RunUID int `json:"runUid,omitempty"`
	RunGID int `json:"runGid,omitempty"`
}

const markerFormat = "openclaw-go"

// HomeState says whose a home is.
type HomeState uint8

// Home states.
const (
	HomeAbsent   HomeState = iota // neither configuration nor marker
	HomeOurs                      // home.json is there
	HomeUpstream                  // an upstream configuration without our marker
)

// LookHome says whose the home is, without touching it.
func LookHome(p configfile.Paths) (HomeState, error) {
	_, err := readMarker(p)
	if err == nil {
		return HomeOurs, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return HomeAbsent, err
	}
	if _, err := os.Lstat(p.Config); err == nil {
		return HomeUpstream, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return HomeAbsent, err
	}
	return HomeAbsent, nil
}

func readMarker(p configfile.Paths) (marker, error) {
	var m marker
	b, err := atomicfile.Read(p.Marker, 64<<10)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Format != markerFormat {
		return m, fmt.Errorf("%s: not a marker of this program", p.Marker)
	}
	if m.Version != 1 {
		return m, fmt.Errorf("%s: found version %d, expected 1; a newer openclaw made this home", p.Marker, m.Version)
	}
	return m, nil
}

// HomeOptions of CreateHome.
type HomeOptions struct {
	// Port of the gateway; 0 is the default of the profile.
	Port int
}

// Created says what CreateHome made.
type Created struct {
	State string   `json:"state"`
	Made  []string `json:"made"`
}

// CreateHome makes the hardened home. Files that exist stay as they are.
func CreateHome(p configfile.Paths, o HomeOptions) (Created, error) {
	out := Created{State: p.State, Made: []string{}}
	if err := out.once(p.Marker, func() error { return store.SeedHome(p.State) }); err != nil {
		return out, err
	}
	if err := out.once(p.Secrets, func() error { return writeToken(p.Secrets) }); err != nil {
		return out, err
	}
	return out, out.once(p.Config, func() error {
		port := o.Port
		if port == 0 {
			port = p.DefaultPort
		}
		text, err := config.HomeText(config.Home{State: p.Short(p.State), Port: port})
		if err != nil {
			return err
		}
		if err := atomicfile.MkdirAll(filepath.Dir(p.Config)); err != nil {
			return err
		}
		return atomicfile.Write(p.Config, []byte(text))
	})
}

// once makes a file that is not there.
func (c *Created) once(path string, write func() error) error {
	_, err := os.Lstat(path)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	c.Made = append(c.Made, path)
	return nil
}

// freeUID finds the uid that commands run as under a root gateway: the system
// user openclaw, else a random one that nobody has.
func freeUID() (uid, gid int, err error) {
	if u, err := user.Lookup("openclaw"); err == nil {
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr == nil && gerr == nil && uid > 0 && gid > 0 {
			return uid, gid, nil
		}
	}
	for range 64 {
		n, err := rand.Int(rand.Reader, big.NewInt(4000))
		if err != nil {
			return 0, 0, err
		}
		id := 60200 + int(n.Int64())
		if _, err := user.LookupId(strconv.Itoa(id)); err != nil {
			return id, id, nil
		}
	}
	return 0, 0, errors.New("no free uid between 60200 and 64200")
}

// runIdentity is the uid of runs of a root gateway; 0 when it is not root.
func runIdentity(p configfile.Paths) (uid, gid int, err error) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return 0, 0, nil
	}
	m, err := readMarker(p)
	if err != nil {
		return 0, 0, err
	}
	if m.RunUID > 0 && m.RunGID > 0 {
		return m.RunUID, m.RunGID, mapped(m.RunUID)
	}
	// The home was made by an ordinary user and is now started by root.
	if m.RunUID, m.RunGID, err = freeUID(); err != nil {
		return 0, 0, err
	}
	if err := mapped(m.RunUID); err != nil {
		return 0, 0, err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return 0, 0, err
	}
	return m.RunUID, m.RunGID, atomicfile.Write(p.Marker, append(b, '\n'))
}

// seedWorkspace makes an agent's folder with its first files. What is there
// stays as it is; a folder that existed before gets nothing new.
func seedWorkspace(dir string, uid, gid int) error {
	_, err := os.Lstat(dir)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := store.SeedWorkspace(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := own(filepath.Join(dir, n), uid, gid); err != nil {
			return err
		}
	}
	return own(dir, uid, gid)
}

// own gives a path to the uid of runs, when the gateway is root.
func own(path string, uid, gid int) error {
	if uid <= 0 {
		return nil
	}
	return os.Lchown(path, uid, gid)
}
