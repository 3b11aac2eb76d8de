package configfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Debounce is how long a file must be quiet before a change is reported.
const Debounce = 250 * time.Millisecond

// Watch reports changes of the files until ctx ends, then closes the channel.
// Writing in place, replacing by rename, deleting and creating anew all count;
// a burst is one report, and a report that nobody takes is not piled up. Files
// are compared by content, so touching one is no change. A path whose directory
// is not there yet is watched for from the nearest one above that is.
func Watch(ctx context.Context, paths ...string) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	// Directories are watched: a watch on a file dies with its inode.
	names := map[string]bool{}
	for _, p := range paths {
		names[filepath.Clean(p)] = true
		if real, err := filepath.EvalSymlinks(p); err == nil {
			names[real] = true
		}
	}
	for name := range names {
		if err := follow(w, name); err != nil {
			_ = w.Close()
			return nil, err
		}
	}
	out := make(chan struct{}, 1)
	// Taken before returning: what changes from here on is a change.
	go watch(ctx, w, fingerprints(names), out)
	return out, nil
}

// follow watches the directory of name, or the nearest one above it that is
// there. Asked again, it goes on from what has come into being meanwhile.
func follow(w *fsnotify.Watcher, name string) error {
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		err := w.Add(dir)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return fmt.Errorf("watch %q: %w", dir, err)
		}
	}
}

// above reports whether a name that is watched lies below path.
func above(path string, names map[string]string) bool {
	for name := range names {
		if strings.HasPrefix(name, path+string(filepath.Separator)) {
			return true
		}
	}
	return false
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
			_, ours := state[filepath.Clean(ev.Name)]
			if ours || mayReplace(ev) || ev.Has(fsnotify.Create) && above(filepath.Clean(ev.Name), state) {
				quiet.Reset(Debounce)
			}
		case _, ok := <-w.Errors:
			if !ok {
				return
			}
			quiet.Reset(Debounce) // events were lost: look
		case <-quiet.C:
			for name := range state {
				_ = follow(w, name) // what cannot be watched was reported when it could
			}
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
