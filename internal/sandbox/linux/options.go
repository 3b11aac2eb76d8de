// Package linux runs programs under namespaces, Landlock, seccomp, empty
// capability sets; it refuses any run whose witness disagrees with its profile.
package linux

import (
	"log/slog"

	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// DefaultMostRuns bounds what all agents together can have going on.
const DefaultMostRuns = 256

// Options of New. The zero value of a field takes the stated default.
type Options struct {
	// SkeletonDir holds prebuilt root directories and per-run scratch; it is
	// created 0700 if absent. Required, absolute, beneath the state directory.
	SkeletonDir string
	// CacheDir holds one directory per agent that is seen as ~/.cache in its
	// runs. Empty means no cache survives a run.
	CacheDir string
	// UID and GID that programs run as when the gateway is uid 0. Required
	// then (never 0); ignored otherwise.
	UID, GID int
	// Proxy serves runs with policy.NetworkProxy; nil refuses such runs.
	Proxy sandbox.Proxy
	// Cgroup is a cgroup v2 directory delegated to the gateway, in which it
	// may make one child per run. Empty means detect; none is used when
	// nothing is delegated.
	Cgroup string
	// MostRuns bounds the runs that go on at once; more wait for their turn. 0
	// means DefaultMostRuns.
	MostRuns int
	// Log receives launcher failures; nil discards.
	Log *slog.Logger
}
