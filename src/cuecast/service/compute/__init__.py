"""What the service computes: functions over values and folders that know neither database nor HTTP."""
