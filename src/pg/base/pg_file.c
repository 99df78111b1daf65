/*
 * pg_file.c: a temporary file that grows at its end and can be read anywhere.
 *
 * A file that outlives transactions has no resource owner, so its memory context closes it. BufFile
 * would not do: closing it first writes what is buffered, which raises another error if the disk is
 * full and leaves the file open until the session ends. This one closes without writing, as nobody
 * will read it.
 *
 * One buffer serves both ways: it holds the end of the file, not yet written, or what was read
 * last.
 */
#include "pg_base.h"

#include "commands/tablespace.h"
#include "executor/instrument.h"
#include "storage/fd.h"
#include "utils/memutils.h"

/* The most bytes that one system call moves: it takes an int. */
#define LARGEST_TRANSFER (64 * 1024 * 1024)

struct PgaeFile
{
	MemoryContext context; /* of this struct */
	File file;
	bool has_owner;      /* a resource owner closes it after an error */
	uint64 size;         /* with what is buffered */
	uint64 buffer_begin; /* place of the buffer in the file */
	size_t n_buffered;
	bool dirty; /* the buffer is the end of the file, and not written */
	MemoryContextCallback callback;
	char buffer[BLCKSZ];
};

/* Cannot fail: it may run after an error. */
static void
close_file(void *arg)
{
	FileClose(((PgaeFile *) arg)->file);
}

PgaeFile *
pgae_file_create(MemoryContext context, bool across_commits)
{
	MemoryContext own = AllocSetContextCreate(context, "ae temporary file", ALLOCSET_SMALL_SIZES);
	PgaeFile *file = MemoryContextAllocZero(own, sizeof(PgaeFile));

	file->context = own;
	file->has_owner = !across_commits;
	PrepareTempTablespaces();
	file->file = OpenTemporaryFile(across_commits);
	file->callback.func = close_file;
	file->callback.arg = file;
	if (across_commits)
		MemoryContextRegisterResetCallback(own, &file->callback);
	return file;
}

void
pgae_file_close(PgaeFile *file)
{
	if (file->has_owner)
		close_file(file);
	MemoryContextDelete(file->context);
}

uint64
pgae_file_size(const PgaeFile *file)
{
	return file->size;
}

static void
write_at(PgaeFile *file, const char *bytes, size_t n, uint64 position)
{
	while (n > 0)
	{
		int part = (int) Min(n, LARGEST_TRANSFER);

		/* a short write means that the disk is full, and errno says so */
		if (FileWrite(file->file, bytes, part, (off_t) position, WAIT_EVENT_BUFFILE_WRITE) != part)
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not write to temporary file \"%s\": %m",
								   FilePathName(file->file))));
		pgBufferUsage.temp_blks_written += (part + BLCKSZ - 1) / BLCKSZ;
		bytes += part;
		position += part;
		n -= part;
	}
}

static void
read_at(PgaeFile *file, char *bytes, size_t n, uint64 position)
{
	while (n > 0)
	{
		int part = (int) Min(n, LARGEST_TRANSFER);
		int got = FileRead(file->file, bytes, part, (off_t) position, WAIT_EVENT_BUFFILE_READ);

		if (got < 0)
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not read from temporary file \"%s\": %m",
								   FilePathName(file->file))));
		if (got == 0)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
							errmsg("temporary file \"%s\" ends at byte " UINT64_FORMAT
								   ", not at " UINT64_FORMAT,
								   FilePathName(file->file), position, position + n)));
		pgBufferUsage.temp_blks_read += (got + BLCKSZ - 1) / BLCKSZ;
		bytes += got;
		position += got;
		n -= got;
	}
}

static void
flush(PgaeFile *file)
{
	if (file->dirty)
		write_at(file, file->buffer, file->n_buffered, file->buffer_begin);
	file->dirty = false;
}

void
pgae_file_append(PgaeFile *file, const void *bytes, size_t n)
{
	if (file->dirty && n > sizeof(file->buffer) - file->n_buffered)
		flush(file);
	if (!file->dirty)
	{
		file->buffer_begin = file->size;
		file->n_buffered = 0;
	}
	if (n > sizeof(file->buffer))
		write_at(file, bytes, n, file->size);
	else
	{
		memcpy(file->buffer + file->n_buffered, bytes, n);
		file->n_buffered += n;
		file->dirty = true;
	}
	file->size += n;
}

void
pgae_file_read(PgaeFile *file, void *bytes, size_t n, uint64 position)
{
	uint64 buffer_end = file->buffer_begin + file->n_buffered;

	if (position < file->buffer_begin || position + n > buffer_end)
	{
		flush(file);
		if (n > sizeof(file->buffer))
		{
			read_at(file, bytes, n, position);
			return;
		}
		/* the buffer is empty until the read has succeeded */
		file->n_buffered = 0;
		read_at(file, file->buffer, Min(sizeof(file->buffer), file->size - position), position);
		file->buffer_begin = position;
		file->n_buffered = Min(sizeof(file->buffer), file->size - position);
	}
	memcpy(bytes, file->buffer + (position - file->buffer_begin), n);
}
