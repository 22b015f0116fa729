"""What an older results database needs beyond tables, indexes and columns that it lacks."""

from sqlalchemy import Connection, inspect


def bring_up_to_date(connection: Connection, version: int | None) -> None:
    """Change what a database of schema ``version`` has otherwise; ``None`` is a new one.

    Args:
        connection: in a transaction that may write; nothing has been added yet.
        version: 1 or higher, no higher than the present one.
    """
    if version is not None and version < 2:
        _name_findings(connection)
        _part_device_memory(connection)


def _name_findings(connection: Connection) -> None:
    """The table ``diagnostics`` became ``findings``: a view has its name now."""
    if inspect(connection).has_table("diagnostics"):
        connection.exec_driver_sql("ALTER TABLE diagnostics RENAME TO findings")


def _part_device_memory(connection: Connection) -> None:
    """Trials on a GPU had the memory of the device in ``peak_memory_mb``, which is the host's."""
    columns = {column["name"] for column in inspect(connection).get_columns("trials")}
    if "device_memory_mb" in columns or not {"worker", "peak_memory_mb", "revision"} <= columns:
        return
    connection.exec_driver_sql("ALTER TABLE trials ADD COLUMN device_memory_mb FLOAT")
    # The revision makes the mirror show it too; "host:pid cuda" is how a worker is named.
    connection.exec_driver_sql(
        "UPDATE trials SET device_memory_mb = peak_memory_mb, peak_memory_mb = NULL,"
        " revision = revision + 1 WHERE substr(worker, length(worker) - 4) = ' cuda'"
        " AND peak_memory_mb IS NOT NULL"
    )
