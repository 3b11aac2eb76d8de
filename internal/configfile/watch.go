package configfile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Debounce is how long a file must be quiet before a change is reported.
const Debounce = 250 * time.Millisecond

// Watch reports changes of the files until ctx ends, then closes the channel.
// Writing in place, replacing by rename, deleting and creating anew all count;
// a burst is one report, and a report that nobody takes is not piled up. Files
// are compared by content, so touching one is no change.
func Watch(ctx context.Context, paths ...string) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	// Directories are watched: a watch on a file dies with its inode.
	dirs, names := map[string]bool{}, map[string]bool{}
	for _, p := range paths {
		names[filepath.Clean(p)] = true
		if real, err := filepath.EvalSymlinks(p); err == nil {
			names[real] = true
		}
	}
	for name := range names {
		if dir := filepath.Dir(name); !dirs[dir] {
			dirs[dir] = true
			if err := w.Add(dir); err != nil {
				_ = w.Close()
				return nil, fmt.Errorf("watch %q: %w", dir, err)
			}
		}
	}
	out := make(chan struct{}, 1)
	// Taken before returning: what changes from here on is a change.
	go watch(ctx, w, fingerprints(names), out)
	return out, nil
}

func watch(ctx context.Context, w *fsnotify.Watcher, state map[string]string, out chan<- struct{}) {
	defer close(out)
	defer func() { _ = w.Close() }()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-w.Events:
			if !ok {
				return
			}
			if _, ours := state[filepath.Clean(ev.Name)]; ours || mayReplace(ev) {
				quiet.Reset(Debounce)
			}
		case _, ok := <-w.Errors:
			if !ok {
				return
			}
			quiet.Reset(Debounce) // events were lost: look
		case <-quiet.C:
			now := fingerprints(state)
			if same(state, now) {
				continue
			}
			state = now
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}
}

// mayReplace: a link beside the file was moved, as mounted configurations do
// when they are updated.
func mayReplace(ev fsnotify.Event) bool {
	if !ev.Has(fsnotify.Create) && !ev.Has(fsnotify.Rename) {
		return false
	}
	fi, err := os.Lstat(ev.Name)
	return err == nil && fi.Mode()&os.ModeSymlink != 0
}

func fingerprints[V any](names map[string]V) map[string]string {
	out := make(map[string]string, len(names))
	for name := range names {
		_, info, err := readFile(name, os.OpenFile)
		if err != nil {
			out[name] = reason(err).Error()
			continue
		}
		out[name] = info.SHA256 + info.Mode.String()
	}
	return out
}

func same(a, b map[string]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
