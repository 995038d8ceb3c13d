package engine

import (
	"context"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LibraryVariable is the environment variable that says where ONNX Runtime's library is.
const LibraryVariable = "ANCHORC_ONNXRUNTIME"

// oldest is the first minor version of ONNX Runtime 1 with the C interface that
// the binding asks for.
const oldest = 24

// NotFound says that there is no library of ONNX Runtime.
type NotFound struct{ Why string }

func (e *NotFound) Error() string {
	return e.Why + "; `pip install onnxruntime` brings it, and --onnxruntime PATH or " + LibraryVariable + " says where it is"
}

// LibraryError says that a library of ONNX Runtime cannot be used.
type LibraryError struct{ Path, Why string }

func (e *LibraryError) Error() string {
	return fmt.Sprintf("%s: %s; name another with --onnxruntime PATH or %s", e.Path, e.Why, LibraryVariable)
}

// FindLibrary gives the path of ONNX Runtime's library: the one named by
// [LibraryVariable], else the first that fits this machine in the folders where
// the loader looks, in Python's onnxruntime package, in an npm onnxruntime-node
// of this folder or one above, and in the cache folder. The error is a
// [*NotFound], or a [*LibraryError] where the variable names what does not fit.
func FindLibrary(ctx context.Context) (string, error) {
	if path := os.Getenv(LibraryVariable); path != "" {
		return path, checkLibrary(path)
	}
	var unfit error
	for _, places := range []func(context.Context) []string{loaderFolders, pythonFolders, npmFolders, cacheFolders} {
		for _, folder := range places(ctx) {
			for _, path := range librariesIn(folder) {
				err := checkLibrary(path)
				if err == nil {
					return path, nil
				}
				if unfit == nil {
					unfit = err
				}
			}
		}
	}
	if unfit != nil {
		return "", &NotFound{"no ONNX Runtime that fits: " + strings.SplitN(unfit.Error(), ";", 2)[0]}
	}
	return "", &NotFound{"no ONNX Runtime is installed"}
}

// librariesIn lists the libraries of ONNX Runtime in a folder, the newest name first.
func librariesIn(folder string) []string {
	pattern := "libonnxruntime.so*"
	switch runtime.GOOS {
	case "darwin":
		pattern = "libonnxruntime*.dylib"
	case "windows":
		pattern = "onnxruntime.dll"
	}
	list, _ := filepath.Glob(filepath.Join(folder, pattern)) // the pattern is well formed
	slices.Sort(list)
	slices.Reverse(list)
	return list
}

func loaderFolders(context.Context) []string {
	variable, standard := "LD_LIBRARY_PATH", []string{"/usr/local/lib", "/usr/lib", "/usr/lib64", "/lib"}
	switch runtime.GOOS {
	case "darwin":
		variable, standard = "DYLD_LIBRARY_PATH", []string{"/usr/local/lib", "/opt/homebrew/lib"}
	case "windows":
		variable, standard = "PATH", nil
	case "linux":
		if triplet := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]; triplet != "" {
			standard = append(standard, "/usr/lib/"+triplet+"-linux-gnu")
		}
	}
	return append(filepath.SplitList(os.Getenv(variable)), standard...)
}

// pythonFolders asks the Python on the path, which knows of virtual environments.
func pythonFolders(ctx context.Context) []string {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	for _, python := range []string{"python3", "python"} {
		const where = `import importlib.util as u; s = u.find_spec("onnxruntime"); print(s.submodule_search_locations[0] if s else "")`
		out, err := exec.CommandContext(ctx, python, "-c", where).Output()
		if folder := strings.TrimSpace(string(out)); err == nil && folder != "" {
			return []string{filepath.Join(folder, "capi")}
		}
	}
	return nil
}

func npmFolders(context.Context) []string {
	machine := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if machine == "" {
		machine = runtime.GOARCH
	}
	system := map[string]string{"windows": "win32"}[runtime.GOOS]
	if system == "" {
		system = runtime.GOOS
	}
	roots := filepath.SplitList(os.Getenv("NODE_PATH"))
	if folder, err := os.Getwd(); err == nil {
		for ; ; folder = filepath.Dir(folder) {
			roots = append(roots, filepath.Join(folder, "node_modules"))
			if folder == filepath.Dir(folder) {
				break
			}
		}
	}
	var list []string
	for _, root := range roots {
		versions, _ := filepath.Glob(filepath.Join(root, "onnxruntime-node", "bin", "napi-v*", system, machine))
		list = append(list, versions...)
	}
	return list
}

// cacheFolders is where scripts/onnxruntime puts it.
func cacheFolders(context.Context) []string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(cache, "anchorc", "onnxruntime", "onnxruntime", "capi")}
}

var versionName = regexp.MustCompile(`^VERS_1\.(\d+)\.`)

// checkLibrary looks at a library before the loader does, whose complaints are
// long, and who prints some of them.
func checkLibrary(path string) error {
	wrong := func(format string, args ...any) error { return &LibraryError{path, fmt.Sprintf(format, args...)} }
	info, err := os.Stat(path)
	if err != nil {
		var at *os.PathError
		errors.As(err, &at)
		return wrong("%v", at.Err)
	}
	if !info.Mode().IsRegular() {
		return wrong("is no library, but a folder or a device")
	}
	here := runtime.GOOS + "/" + runtime.GOARCH
	switch runtime.GOOS {
	case "windows":
		f, err := pe.Open(path)
		if err != nil {
			return wrong("is no library for %s", here)
		}
		defer f.Close()
		if m := map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm64": pe.IMAGE_FILE_MACHINE_ARM64}[runtime.GOARCH]; m != 0 && f.Machine != m {
			return wrong("is for another machine than %s", here)
		}
	case "darwin":
		want := map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64}[runtime.GOARCH]
		if fat, err := macho.OpenFat(path); err == nil {
			defer fat.Close()
			if !slices.ContainsFunc(fat.Arches, func(a macho.FatArch) bool { return a.Cpu == want }) {
				return wrong("is for other machines than %s", here)
			}
			return nil
		}
		f, err := macho.Open(path)
		if err != nil {
			return wrong("is no library for %s", here)
		}
		defer f.Close()
		if f.Cpu != want {
			return wrong("is for %v and not for %s", f.Cpu, here)
		}
	default:
		f, err := elf.Open(path)
		if err != nil {
			return wrong("is no library for %s", here)
		}
		defer f.Close()
		want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "386": elf.EM_386, "arm": elf.EM_ARM}[runtime.GOARCH]
		if want != 0 && f.Machine != want {
			return wrong("is for %s and not for %s", strings.TrimPrefix(f.Machine.String(), "EM_"), here)
		}
		versions, _ := f.DynamicVersions() // none in a library built without
		for _, v := range versions {
			if m := versionName.FindStringSubmatch(v.Name); m != nil {
				if minor, err := strconv.Atoi(m[1]); err == nil && minor < oldest {
					return wrong("is ONNX Runtime 1.%d, and 1.%d or later is needed", minor, oldest)
				}
			}
		}
	}
	return nil
}
