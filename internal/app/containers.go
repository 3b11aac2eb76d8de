package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox/docker"
	"github.com/openclaw-go/openclaw/internal/survey/engine"
)

// pinsPath holds the content that each name of an image means here.
func pinsPath(p configfile.Paths) string {
	return filepath.Join(containersDir(p), "images.json")
}

func containersDir(p configfile.Paths) string {
	return filepath.Join(p.State, "sandboxes", "containers")
}

const maxPins = 1 << 20

// pins reads the pinned images; a file that is not there pins none.
func pins(p configfile.Paths) (map[string]string, error) {
	out := map[string]string{}
	b, err := atomicfile.Read(pinsPath(p), maxPins)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", pinsPath(p), err)
	}
	return out, nil
}

// pin writes down what an image's name means from now on.
func pin(p configfile.Paths, b docker.Built) error {
	all, err := pins(p)
	if err != nil {
		return err
	}
	all[b.Tag] = b.ID
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(containersDir(p)); err != nil {
		return err
	}
	return atomicfile.Write(pinsPath(p), append(data, '\n'))
}

// profile makes an agent's profile concrete for a run, on the host or in a
// container.
func (a *App) profile(r policy.Rules) (policy.Confinement, error) {
	c, err := a.confine(r)
	if err != nil {
		return c, err
	}
	return c, a.contain(&c)
}

// contain makes the container of a profile concrete: the pinned content of its
// image, the folder of its scope.
func (a *App) contain(c *policy.Confinement) error {
	if c.Container == nil {
		return nil
	}
	in := *c.Container
	all, err := pins(a.paths)
	if err != nil {
		return err
	}
	in.ImageID = all[in.Image]
	if in.Key != "" {
		in.Private = filepath.Join(containersDir(a.paths), "private", in.Key)
	}
	c.Container = &in
	return nil
}

// ContainersOf is the runner of a home's containers, to list, empty and build.
func ContainersOf(p configfile.Paths, getenv func(string) string) (Containers, error) {
	m, err := readMarker(p)
	if err != nil {
		return nil, err
	}
	return containersOf(&App{paths: p, getenv: getenv, runUID: m.RunUID, runGID: m.RunGID})
}

// Containers are a home's containers, as an operator handles them.
type Containers interface {
	List() ([]docker.Contained, error)
	Recreate(docker.Which) ([]string, error)
	Build(docker.Build) (docker.Built, error)
	Pinned(name string) (docker.Built, error)
}

// containersOf makes the runner of containers. It never fails for want of an
// engine: a run is refused then, with the reason.
func containersOf(a *App) (containerRunner, error) {
	socket, why := engineSocket(a.getenv)
	uid, gid := a.runUID, a.runGID
	if uid <= 0 || gid <= 0 {
		uid, gid = os.Geteuid(), os.Getegid()
	}
	if uid <= 0 || gid <= 0 {
		uid, gid = nobody, nobody
	}
	forbidden := []string{a.paths.State}
	for _, name := range []string{".aws", ".azure", ".cargo", ".config", ".docker", ".gnupg", ".kube", ".netrc", ".npm", ".npmrc", ".pypirc", ".ssh", ".password-store", ".git-credentials", ".mozilla", ".bash_history", ".profile", ".bashrc"} {
		forbidden = append(forbidden, filepath.Join(a.paths.Home, name))
	}
	home := sha256.Sum256([]byte(a.paths.State))
	return docker.New(docker.Options{Socket: socket, Why: why, Dir: containersDir(a.paths), Home: hex.EncodeToString(home[:8]), Forbidden: forbidden, UID: uid, GID: gid, Log: a.log})
}

// firstPids is the process namespace of a machine that was booted, as Linux
// numbers it.
const firstPids = "pid:[4026531836]"

// contained reports whether this program runs in a container: it has the mark
// of one and a process list of its own. A machine whose disk was made of an
// image has the mark alone.
func contained() bool {
	pids, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && pids == firstPids {
		return false
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Lstat(mark); err == nil {
			return true
		}
	}
	return false
}

// engineSocket finds the engine to use, or says why there is none.
func engineSocket(getenv func(string) string) (socket, why string) {
	if contained() {
		return "", "this gateway runs in a container itself: with an engine's socket it would be root on the host"
	}
	var environ []string
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	if v := getenv("DOCKER_HOST"); v != "" {
		environ = []string{"DOCKER_HOST=" + v}
	}
	for _, s := range engine.Sockets(environ, os.Getuid()) {
		if st, err := os.Stat(s); err == nil && st.Mode()&os.ModeSocket != 0 {
			return s, ""
		}
	}
	return "", "no container engine has a socket here (Docker or Podman; DOCKER_HOST names another one)"
}

// PinImage pins what a local image's name means now, or what was built.
func PinImage(p configfile.Paths, b docker.Built) error { return pin(p, b) }
