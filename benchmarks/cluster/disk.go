package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"
)

// An Unavailable error says why this machine can't have a fault.
type Unavailable struct{ Why string }

// Error returns why.
func (u *Unavailable) Error() string { return u.Why }

// CanMount returns why nodes can't have disks of their own on this machine; nil where they can.
func CanMount() error {
	if os.Geteuid() != 0 {
		return &Unavailable{"only root may mount a disk"}
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return &Unavailable{tool + " is missing"}
		}
	}
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := NewDisk(filepath.Join(dir, "image"), filepath.Join(dir, "disk"), 8<<20)
	if err != nil {
		return &Unavailable{"a disk can't be mounted: " + err.Error()}
	}
	return d.Unmount()
}

// A Disk is an ext4 in a file, mounted as a folder.
type Disk struct {
	Dir     string
	image   string
	mounted bool
	filled  bool
}

// NewDisk makes a disk of so many bytes in an image file, and mounts it as a folder. It needs root.
func NewDisk(image, dir string, bytes int64) (*Disk, error) {
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(bytes), f.Close(), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	d := &Disk{Dir: dir, image: image}
	return d, d.mount()
}

func (d *Disk) mount() error {
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.Dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	d.mounted = true
	return nil
}

// Unmount takes the disk away; what it holds stays in the image.
func (d *Disk) Unmount() error {
	if !d.mounted {
		return nil
	}
	if out, err := exec.Command("umount", d.Dir).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, out)
	}
	d.mounted = false
	return nil
}

const (
	ext4Shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// CutPower has the disk lose, from now on, whatever it was not told to sync, as a machine without power does. Every write and sync fails that begins later; one that is under way may seem to succeed.
func (d *Disk) CutPower() error {
	f, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := uint32(noLogFlush)
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flags))); e != 0 {
		return fmt.Errorf("shut down %s: %w", d.Dir, e)
	}
	return nil
}

// Restore gives a disk without power to its node again, as a machine that comes up does. Nobody may use it at the time.
func (d *Disk) Restore() error { return errors.Join(d.Unmount(), d.mount()) }

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// Fill leaves so many bytes free, and no more. It outlives a loss of power.
func (d *Disk) Fill(leave int64) error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	d.filled = true
	for size := int64(64 << 20); size >= 4096; {
		var s syscall.Stat_t
		var disk syscall.Statfs_t
		if err := errors.Join(syscall.Fstat(int(f.Fd()), &s), syscall.Statfs(d.Dir, &disk)); err != nil {
			return err
		}
		if leave > 0 && int64(disk.Bavail)*disk.Bsize-size < leave {
			size /= 2
			continue
		}
		switch err := syscall.Fallocate(int(f.Fd()), 0, s.Size, size); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			return fmt.Errorf("fill %s: %w", d.Dir, err)
		}
	}
	return f.Sync()
}

// Filled tells whether the disk is full by Fill.
func (d *Disk) Filled() bool { return d.filled }

// Free takes back what Fill has taken. That outlives a loss of power too.
func (d *Disk) Free() error {
	if !d.filled {
		return nil
	}
	d.filled = false
	if err := os.Remove(d.ballast()); err != nil {
		return err
	}
	dir, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
